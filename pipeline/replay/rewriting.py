"""From messages of the log to those of its replay: the same content, under the replay's own offsets."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from pipeline.deployments import ModelRef
from pipeline.engine import LogMessage
from pipeline.replay.offsets import OffsetMap
from pipeline.replay.repairs import translated
from schemas.bars import Adjustment, BarBatch, StateRepair, rows_of
from schemas.control import ControlEvent
from schemas.fields import BoolArray
from schemas.row_faults import bar_row_faults

#: Decisions about models: left out where the replay is told which one to use.
MODEL_ACTIONS = frozenset({"activate", "rollback", "shadow", "unshadow", "experiment"})


def named_model(event: ControlEvent) -> ModelRef | None:
    """The model that has to be there for a decision to be obeyed, None if it names none."""
    if event.action not in MODEL_ACTIONS or event.action == "unshadow" or not event.model or event.model_version < 1:
        return None
    return ModelRef(name=event.model, version=event.model_version)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """A message for the replay's log. ``decision``: an event that has to be written to its ``control`` before."""

    partition: int
    message: LogMessage
    decision: ControlEvent | None = None


class Rewriter:
    """Rewrites messages in the order in which they are published.

    ``symbols``: only these (None: all). ``decision``: an event at the head of every partition, in the place of the
    log's decisions about models; None: those of the log. Rows that no service takes (a NaN, a price of zero) are left
    out: they changed nothing when they came.
    """

    def __init__(
        self, partitions: int, symbols: Collection[str] | None = None, decision: ControlEvent | None = None
    ) -> None:
        self._symbols = None if symbols is None else frozenset(symbols)
        self._decision = decision
        self._control: dict[int, int] = {}
        self._decisions = 0 if decision is None else 1
        self._offsets = [OffsetMap(self._decisions) for _ in range(partitions)]
        self._masks: dict[tuple[str, ...], BoolArray] = {}

    def beginning(self) -> list[Rewritten]:
        """What comes first on every partition: the replay's own decision, if it has one."""
        if self._decision is None:
            return []
        first = replace(self._decision, control_offset=0)
        return [
            Rewritten(partition=partition, message=first, decision=None if partition else self._decision)
            for partition in range(len(self._offsets))
        ]

    def rewrite(self, partition: int, offset: int, message: LogMessage) -> Rewritten | None:
        """Return what is to be published for the message at ``offset``, None for nothing."""
        match message:
            case ControlEvent():
                return self._event(partition, offset, message)
            case BarBatch():
                made: LogMessage | None = self._bars(message)
            case Adjustment() | StateRepair():
                made = message if self._symbols is None or message.symbol in self._symbols else None
            case _:
                made = message
        if made is None:
            return None
        offsets = self._offsets[partition]
        offsets.add(offset)
        if isinstance(made, StateRepair):
            made = translated(made, offsets.at_or_before)
        return Rewritten(partition=partition, message=made)

    def _event(self, partition: int, offset: int, event: ControlEvent) -> Rewritten | None:
        if event.control_offset < 0 or (self._decision is not None and event.action in MODEL_ACTIONS):
            return None
        place = self._control.get(event.control_offset)
        decision = None
        if place is None:
            place = self._control[event.control_offset] = self._decisions
            self._decisions += 1
            decision = replace(event, control_offset=-1, link=None)
        self._offsets[partition].add(offset)
        return Rewritten(
            partition=partition, message=replace(event, control_offset=place, link=None), decision=decision
        )

    def _bars(self, batch: BarBatch) -> BarBatch | None:
        keep, _ = bar_row_faults(batch)
        if self._symbols is not None:
            keep = keep & self._chosen(batch.symbols)
        if keep.all():
            return batch
        if not keep.any():
            return None
        return rows_of(batch, keep)

    def _chosen(self, symbols: tuple[str, ...]) -> BoolArray:
        """Which of a batch's symbols are wanted; the same cross-section comes again with every bar."""
        mask = self._masks.get(symbols)
        if mask is None:
            if len(self._masks) >= 1_000:
                self._masks.clear()
            assert self._symbols is not None
            mask = self._masks[symbols] = np.array([symbol in self._symbols for symbol in symbols], dtype=np.bool_)
        return mask
