"""Features of one symbol computed anew, message by message, in the order of the log.

The engine of the partition takes the symbol's own bars, splits and repairs, and the watermarks that decide what is
late. Its results don't depend on which others are in a batch, so the bits are those of the live run. Corrections
that came after the bar asked about are not taken: what is shown is what was known then.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_state import COUNT
from pipeline.stepping import Find, step_with
from schemas.features import FeatureBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class Retraced:
    """What the engine yields at the bar asked about.

    ``batches``: one a set, in the engine's order, without a row where the symbol isn't warm. ``bars``: how many bars
    of the symbol its state has. ``awaiting``: a correction from before this bar was not in the state yet.
    """

    batches: tuple[FeatureBatch, ...]
    bars: int
    awaiting: bool


def retrace(
    engine: PartitionEngine, messages: Iterable[tuple[int, LogMessage]], target: tuple[str, str, int], find: Find
) -> Retraced:
    """Step ``engine`` through (offset, message) pairs up to ``target``: symbol, interval, offset of its bar.

    Raises ``LookupError`` if the messages end before the target's offset.
    """
    symbol, interval, wanted = target
    for offset, message in messages:
        awaiting = (interval, symbol) in engine.repairs.awaiting
        step = step_with(engine, message, offset, find)
        if offset == wanted:
            state = engine.states.get(interval)
            place = None if state is None else state.places.get(symbol)
            return Retraced(
                batches=tuple(one for one in step.features if isinstance(one, FeatureBatch)),
                bars=0 if state is None or place is None else int(state.marks[COUNT, place]),
                awaiting=awaiting,
            )
    raise LookupError(f"the log holds no bar of {symbol!r} at offset {wanted}")
