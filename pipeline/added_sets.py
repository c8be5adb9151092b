"""Feature sets that are added to a log under way: its messages stepped again, for the rows of the new sets and a state.

A set's columns need state from the first bar on (P8), so the whole log is stepped by an engine that computes all sets.
What the agent's own engine knows stays the measure: the new state must be the agent's, bit for bit, wherever both have
something, and only adds to it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_snapshot import dump_interval
from pipeline.engine_state import IntervalState
from pipeline.engine_types import EngineConfig, StoredBar
from pipeline.features import FeatureSet, Plan
from schemas.features import FeatureBatch


class AdditionRefused(Exception):
    """The state made anew is not the one that the agent has; the message names what differs."""


class AddedSets:
    """One partition. ``engine`` computes every set of its configuration, ``added`` those that are new."""

    def __init__(self, config: EngineConfig, added: Sequence[str], state: bytes | None = None) -> None:
        """Begin at the log's first message, or go on from what ``engine.snapshot()`` gave."""
        self.engine = PartitionEngine(config) if state is None else PartitionEngine.restore(config, state)
        self.added: tuple[FeatureSet, ...] = tuple(one for one in self.engine.sets if one.name in added)
        self._names = frozenset(added)

    def take(
        self, message: LogMessage, offset: int, found: Mapping[int, StoredBar | None] | None = None
    ) -> list[FeatureBatch]:
        """Step the message at ``offset``; return the new sets' batches, with the positions that give their revisions.

        Raises what ``PartitionEngine.step`` raises; state is unchanged then.
        """
        step = self.engine.step(message, offset, found)
        return [
            one
            for one in step.features
            if isinstance(one, FeatureBatch) and one.symbols and one.feature_set in self._names
        ]

    def join(self, former: PartitionEngine) -> bytes:
        """Return the snapshot with which the agent goes on with all sets, behind what ``former`` has taken.

        Both have stepped the same messages. Everything but the symbols' columns is ``former``'s: its chain ends where
        the published one ends. Raises ``AdditionRefused`` if a symbol's state differs in what both compute.
        """
        engine = self.engine
        _refuse_difference("its sources", engine.sources == former.sources)
        _refuse_difference("its intervals", engine.states.keys() == former.states.keys())
        for interval, state in former.states.items():
            mine = engine.states[interval]
            _refuse_difference(f"its symbols at {interval}", mine.symbols == state.symbols)
            if dump_interval(narrowed(mine, state.plan)) != dump_interval(state):
                raise AdditionRefused(_first_difference(narrowed(mine, state.plan), state, interval))
        for name in ("next_offset", "event_time", "features_chain", "returns_chain", "feeds", "splits", "memory"):
            setattr(engine, name, getattr(former, name))
        former.repairs.take_shown(engine.repairs, self._names)
        engine.repairs, engine.quality = former.repairs, former.quality
        return engine.snapshot()


def narrowed(state: IntervalState, plan: Plan) -> IntervalState:
    """Return a copy of ``state`` with the columns and fields of ``plan`` only, all of which it has."""
    cut = IntervalState(plan, state.raw)
    cut.add(state.symbols, -1)
    size = len(state.symbols)
    rows, at = {}, 0
    for family in state.plan.families:
        rows[family.name] = range(at, at + len(family.state))
        at += len(family.state)
    fields = [row for family in plan.families for row in rows[family.name]]
    columns = [state.plan.columns.index(name) for name in plan.columns]
    cut.put(
        (state.marks, state.ring, state.state[fields], state.bars, state.stamps, state.latest[:, columns]),
        size,
    )
    return cut


def _refuse_difference(what: str, same: bool) -> None:
    if not same:
        raise AdditionRefused(f"{what} are not those that the log gives")


def _first_difference(mine: IntervalState, former: IntervalState, interval: str) -> str:
    size = len(former.symbols)
    for name, axis in (("marks", 1), ("state", 1), ("latest", 0), ("bars", 0), ("stamps", 0)):
        pair = [np.moveaxis(getattr(one, name), axis, 0)[:size] for one in (mine, former)]
        for place, symbol in enumerate(former.symbols):
            if np.ascontiguousarray(pair[0][place]).tobytes() != np.ascontiguousarray(pair[1][place]).tobytes():
                return f"{symbol} at {interval}: its {name} is not what the log gives"
    return f"windows at {interval} are not what the log gives"
