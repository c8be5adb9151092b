"""One partition of the flow, from messages of ``bars`` to signals: engine and inference without a broker between them.

Both ends can begin in the middle of a log: the engine at a kept state, the inference behind its fence. A message of
bars may come in several parts: they make the values that it makes in one, so whoever takes a log again is free in how
it cuts it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pipeline.chain import Chain
from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import Step, UnsupportedMessage
from pipeline.routing.partition import Output, PartitionInference
from pipeline.stepping import Find, nothing_stored, step_with
from schemas.bars import BarBatch, rows_of
from schemas.features import FeatureBatch
from schemas.link import Link


@dataclass(kw_only=True)
class PartitionFlow:
    """Steps an engine and the inference behind it. ``refused`` counts messages that the agent would dead-letter.

    The engine may begin before the inference's fence: what comes before it makes features only.
    """

    engine: PartitionEngine
    inference: PartitionInference
    find: Find = nothing_stored
    refused: int = field(default=0, init=False)
    _derived: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._chain = Chain(self.inference.fence)
        self._offset, self._parts = -1, 0

    def take(self, message: LogMessage, offset: int) -> tuple[Step, tuple[Output, ...]]:
        """Take the message at ``offset``, or the next part of the message of bars that lies there."""
        again = offset == self._offset
        if again:
            self.engine.next_offset = offset
        else:
            self._offset, self._parts = offset, 0
        try:
            step = step_with(self.engine, message, offset, self.find)
        except UnsupportedMessage:
            self.refused += 1
            return Step(), ()
        return step, tuple(self._infer(step, offset))

    def _infer(self, step: Step, offset: int) -> Iterable[Output]:
        fence = self.inference.fence
        if fence is not None and offset <= fence[0] and not self._parts:
            return
        last = self._parts + len(step.features) - 1
        for derived in step.features:
            # The parts of one message are one chain: the engine, which takes each as a whole message, links anew.
            position = (offset, self._parts)
            link = Link(position=position, last_part=last, previous=self._chain.last)
            self._chain.last = position
            self._parts += 1
            output = self.inference.take(_linked(derived, link), self._derived)
            self._derived += 1
            if output is not None:
                yield output


def _linked(derived: object, link: Link) -> FeatureBatch:
    return replace(derived, link=link)  # type: ignore[type-var, return-value]


def parts_of(batch: BarBatch, rows: int) -> Iterable[BarBatch]:
    """Cut a batch into parts of at most ``rows`` rows, in order."""
    size = len(batch.symbols)
    if size <= rows:
        yield batch
        return
    for at in range(0, size, rows):
        yield rows_of(batch, slice(at, at + rows))
