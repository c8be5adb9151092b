"""The API alone, over topics and tables in which nothing has happened yet; a test writes what its page shall see."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from infra.broker.publisher import Publisher
from infra.settings import Settings
from infra.stack import Endpoints
from schemas.codec import encode
from schemas.intervals import MINUTE, SECOND
from schemas.partitioning import partition_of
from schemas.signals import Signal
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support import isolation
from tests.support.providers import worker_ports
from tests.support.services import ServiceProcess

TOKEN = "a-token-for-the-tests-only"
PARTITIONS = 2
#: A Thursday, 14:30 UTC, in ns.
T0 = 1_700_145_000 * SECOND


class BareConsole:
    """The API at a port that stays the same when it is started again, and a writer of signals."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.settings, self.port = settings, port
        self.process: ServiceProcess | None = None
        self._topic = TopicNames(settings.topics.prefix).signals
        self._publisher = Publisher(settings, "test-signals")
        self._seq = dict.fromkeys(range(PARTITIONS), 0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = ServiceProcess(self.settings, "api")
        self.process.wait_ready()

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()

    def send(self, symbols: Sequence[str], bar: int, signal: str = "long", **fields: Any) -> None:
        """A signal of each symbol for the bar that closes so many minutes after ``T0``."""
        for symbol in symbols:
            partition = partition_of(symbol, PARTITIONS)
            seq = self._seq[partition]
            self._seq[partition] += 1
            self._publisher.send(self._topic, partition, encode(signal_of(symbol, bar, seq, signal, **fields)))
        self._publisher.flush_acknowledged()


def signal_of(symbol: str, bar: int, seq: int, signal: str, **fields: Any) -> Signal:
    close = T0 + bar * MINUTE
    values: dict[str, Any] = {
        "signal_id": f"{abs(hash((symbol, bar, seq))):032x}"[-32:], "seq": seq, "symbol": symbol, "signal": signal,
        "score": 0.001, "confidence": 0.6, "timestamp": close / SECOND, "event_time": close, "interval": "1m",
        "horizon": 5, "reference_price": 100.0 + bar, "position_scale": 1.0, "strategy": "alpha", "model": "first",
        "model_version": 1, "models": ("first:1",), "source": (0, seq), "expires_at": close + 5 * MINUTE,
        "reason": "live",
    }  # fmt: skip
    return Signal(**values | fields)


@contextmanager
def bare_console(
    endpoints: Endpoints, folder: Path, api: Mapping[str, Any] | None = None, **groups: Any
) -> Iterator[BareConsole]:
    """Run the API until the block ends; ``api``: more of its own settings, ``groups``: those of what it reaches."""
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    (port,) = worker_ports(1)  # the server is stopped and started again: nobody else may take it meanwhile
    base: dict[str, Any] = {
        "api": {"port": port, "token": TOKEN, **(api or {})},
        "topics": {"prefix": f"{name}.", "partitions": PARTITIONS},
    }
    initialise(isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.", **base))
    settings = isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.", **base | groups)
    console = BareConsole(settings, port)
    try:
        console.process = ServiceProcess(settings, "api")
        if not groups:  # with a dependency away it never is ready
            console.process.wait_ready()
        yield console
    finally:
        with suppress(AssertionError):
            console.stop()
        isolation.drop_database(endpoints, name)
