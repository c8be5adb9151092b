"""The agents of a replay: the services that run live, in processes of their own, with settings that reach only it."""

import time
from collections.abc import Callable, Collection

from infra.broker.admin import group_offsets, low_high_offsets
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import connect
from infra.warehouse.replays import open_repairs
from schemas.topics import TopicNames
from signaltape.draining import waiting
from signaltape.initialisation import group_of
from signaltape.replay.errors import ReplayFailed
from signaltape.replay.place import ReplayPlace
from signaltape.supervision import Supervisor

#: No ingest: history holds what it relayed. No responder: nobody acts on alerts of the past.
AGENTS = ("store", "drift", "inference", "features")
#: Those that a signal has to pass.
SIGNAL_PATH = ("features", "inference")
_READY_S = 120.0
_STANDSTILL_S = 300.0
_EVERY_S = 0.1
#: A service that ended so often won't come up.
_EXITS = 5


class Agents:
    """Use as a context manager: started on the way in, stopped in order on the way out."""

    def __init__(self, place: ReplayPlace) -> None:
        self._own = place.settings
        self._logs = place.folder / "logs"
        self._supervisor = Supervisor(AGENTS, self._logs, place.environment(), alone=True)

    def __enter__(self) -> "Agents":
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()

    @property
    def guardian(self) -> tuple[int, int]:
        """See ``Supervisor.guardian``."""
        return self._supervisor.guardian

    def wait_ready(self, look: Callable[[], None]) -> None:
        """Return when each can serve; ``look`` is called meanwhile. Raises ``ReplayFailed`` after two minutes."""
        end = time.monotonic() + _READY_S
        while unready := self._supervisor.not_ready(self._own.home / "run"):
            self._refuse_failing()
            if time.monotonic() >= end:
                raise ReplayFailed(f"{', '.join(unready)} did not become ready in {_READY_S:g} s; see {self._logs}")
            look()
            time.sleep(_EVERY_S)

    def behind(self) -> dict[str, int]:
        """Messages that wait before the feature agent and the inference."""
        own, names = self._own, TopicNames(self._own.topics.prefix)
        with connect(own, name="signaltape-replay") as connection:
            points = read_checkpoints(connection, "features", names.bars)
        done = group_offsets(own, group_of(own, "inference"), names.features, own.topics.partitions)
        return {
            "features": sum(
                high - points[p].effect_offset for p, (_, high) in low_high_offsets(own, names.bars).items()
            ),
            "inference": sum(
                high - (place[0] if (place := done.get(p)) is not None else 0)
                for p, (_, high) in low_high_offsets(own, names.features).items()
            ),
        }

    def drain(
        self, look: Callable[[], None], told: Callable[[dict[str, int]], None], *, only: Collection[str] = ()
    ) -> None:
        """Return when nothing waits before any of them, or before ``only`` some.

        Raises ``ReplayFailed`` if nothing moves for five minutes.
        """
        until, last = time.monotonic() + _STANDSTILL_S, None
        with connect(self._own, name="signaltape-replay") as connection:
            while True:
                state = dict(waiting(self._own, connection, ingest=False))
                if not state and (repairs := open_repairs(connection)):
                    state = {"store": repairs}
                if not state or (only and state.keys().isdisjoint(only)):
                    return
                if state != last:
                    until, last = time.monotonic() + _STANDSTILL_S, state
                    told(state)
                if time.monotonic() >= until:
                    raise ReplayFailed(f"nothing has moved for {_STANDSTILL_S:g} s ({state}); see {self._logs}")
                self._refuse_failing()
                look()
                time.sleep(_EVERY_S)

    def _refuse_failing(self) -> None:
        for name, codes in self._supervisor.exits.items():
            if len(codes) >= _EXITS:
                raise ReplayFailed(f"{name} has ended {len(codes)} times; see {self._logs / name}.log")
