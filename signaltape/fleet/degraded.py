"""What is not as it should be, in words: the same for the terminal, for programs and for the console."""

from collections.abc import Iterator
from dataclasses import dataclass

from signaltape.fleet.view import Process, View

#: A group whose oldest waiting message is older than this, in seconds, is behind; less is the flow itself.
LATE_S = 30.0
_DISK_SHARE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """what: the process, group or store. why: a sentence. do: a command or a page, "" if it passes by itself."""

    what: str
    why: str
    do: str = ""


def troubles(view: View) -> tuple[Trouble, ...]:
    """Everything that is degraded: processes first, then models, lag, stores and disks."""
    return tuple(one for kind in (_processes, _missing, _models, _late, _stores, _disks) for one in kind(view))


def _processes(view: View) -> Iterator[Trouble]:
    for process in view.processes:
        if not process.alive:
            yield Trouble(what=process.name, why=process.error, do=_restart(process))
        for check in process.unready():
            yield Trouble(what=process.name, why=f"{check.name}: {check.detail or 'not ready'}")


def _restart(process: Process) -> str:
    if process.state == "silent":
        return f"kill -9 {process.pid}" if process.pid is not None else ""
    slot = f" --instance {process.instance}" if process.instance else ""
    return f"signaltape run {process.service}{slot}"


def _missing(view: View) -> Iterator[Trouble]:
    named = {process.service for process in view.processes}
    for service in view.missing:
        if service not in named:
            yield Trouble(what=service, why="no process of it is known", do=f"signaltape run {service}")


def _models(view: View) -> Iterator[Trouble]:
    for model, is_open in sorted(view.worst("signaltape_breaker_open", "model").items()):
        if is_open:
            yield Trouble(
                what=model, why="its breaker is open: the fallback answers", do="docs/runbook.md#signaltapebreakeropen"
            )


def _late(view: View) -> Iterator[Trouble]:
    for one in view.groups():
        if one.seconds > LATE_S:
            yield Trouble(
                what=one.group,
                why=f"{one.messages:,} messages of {one.topic} wait, the oldest for {one.seconds:.0f} s",
                do="docs/runbook.md#signaltapelagseconds",
            )


def _stores(view: View) -> Iterator[Trouble]:
    if view.total("signaltape_online_stale"):
        yield Trouble(what="redis", why="newest vectors lag behind the log", do="signaltape online check")
    if view.total("signaltape_signals_behind"):
        yield Trouble(what="redis", why="newest signals lag behind the store")
    for group, count in sorted(view.worst("signaltape_expired_unread_messages", "consumergroup").items()):
        if count:
            yield Trouble(
                what=group,
                why=f"{count:,.0f} messages expired before they were taken",
                do="docs/runbook.md#signaltapeexpiredunread",
            )


def _disks(view: View) -> Iterator[Trouble]:
    free = view.worst("signaltape_disk_free_bytes", "folder")
    for folder, size in sorted(view.worst("signaltape_disk_bytes", "folder").items()):
        if size and free.get(folder, size) / size < _DISK_SHARE:
            yield Trouble(
                what="disk",
                why=f"{free[folder] / 1e9:.1f} GB of {size / 1e9:.0f} GB are free where folder {folder} lies",
                do="docs/runbook.md#signaltapedisklow",
            )
