"""`docs/metrics.md`, made from the table of metrics: `python -m infra.telemetry.metrics_page > docs/metrics.md`."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from infra.telemetry import metrics

_HEAD = """# Metrics of every process

Made by `python -m infra.telemetry.metrics_page` from `infra/telemetry/metrics.py`; a test holds the two together.

Every process answers `GET /metrics` on the port of `metrics.port` (0: a free one, written to `<home>/run`). Units are
base units: seconds and bytes. No metric has a symbol as a label, so that their number does not grow with the market.
Counters end in `_total`; a histogram has `_bucket`, `_sum` and `_count`. `process_…` and `python_…` come with the
client library: memory (`process_resident_memory_bytes`), CPU (`process_cpu_seconds_total`), start, open files.

What `signaltape run monitor` tells of the whole pipeline is marked *monitor*; everything else is each process's own.

| metric | kind | labels | what it is |
|---|---|---|---|
"""
#: Told by the monitor alone.
_MONITORED = (
    metrics.GROUP_LAG,
    metrics.GROUP_LAG_SECONDS,
    metrics.RETENTION_HEADROOM,
    metrics.EXPIRED_UNREAD,
    metrics.DEAD_LETTERS_KEPT,
    metrics.DATABASE_BYTES,
    metrics.NEWEST_AGE,
    metrics.DISK_FREE_BYTES,
    metrics.DISK_BYTES,
)


def table() -> Iterator[tuple[str, str, tuple[str, ...], str, bool]]:
    """Yield name, kind, labels, meaning, and whether the monitor tells it, in the table's order."""
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (described,) = metric.describe()
            ending = "_total" if described.type == "counter" else ""
            labels: Any = getattr(metric, "_labelnames", ())
            yield described.name + ending, described.type, tuple(labels), described.documentation, metric in _MONITORED


def page() -> str:
    """The page's text."""
    return _HEAD + "".join(_line(*one) for one in table())


def _line(name: str, kind: str, labels: tuple[str, ...], meaning: str, told: bool) -> str:
    shown = " ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {kind} | {shown} | {meaning}{' *monitor*' if told else ''} |\n"


if __name__ == "__main__":
    print(page(), end="")
