"""What has to be known to judge a backtest's result."""

from collections.abc import Iterator

from pipeline.explanation.words import span
from pipeline.trading.metrics import Metrics
from schemas.intervals import DAY, INTERVALS
from signaltape.backtest.figures import moment
from signaltape.backtest.result import Counts


def notes_of(counts: Counts, metrics: Metrics) -> Iterator[str]:
    """Yield what of the bars, the signals and the account is not as one would expect it."""
    if counts.missing:
        yield (
            f"{counts.missing:,} bars are missing between two of their symbol in one session day "
            f"({counts.gapped_symbols:,} symbols): orders waited for the next one"
        )
    if counts.behind:
        yield f"{counts.behind:,} bars came after a later close was complete on all partitions: not traded at their own"
    if counts.refused:
        yield f"{counts.refused:,} messages were refused as the feature agent refuses them"
    if metrics.refused_splits:
        yield f"splits that came too late to be applied to positions: {', '.join(metrics.refused_splits)}"
    if not counts.signals:
        yield "there was no signal at all: no model was live, nothing was past its warm-up, or everything was filtered"
    if metrics.bankrupt_time is not None:
        yield (
            f"the account lost all of its capital at {moment(metrics.bankrupt_time)}: everything was closed, and "
            "nothing traded afterwards"
        )


def lag_notes(lag: int, interval: str, fill: str) -> Iterator[str]:
    """Yield whether orders fill before their signals could be known; ``lag`` (ns): the most from a close until then.

    The next open is taken to be at that close, but for a day's bars: how long the night was isn't known here.

    >>> list(lag_notes(0, "1m", "next_open")), list(lag_notes(60_000_000_000, "1m", "next_close"))
    ([], [])
    """
    step = INTERVALS[interval]
    at_open = fill == "next_open" and step < DAY
    if lag > (0 if at_open else step):
        then = "; --fill next_close comes after that" if at_open and lag <= step else ""
        yield (
            f"bars were known up to {span(lag)} after their close, so signals were, too: orders that fill at the "
            f"{fill.replace('_', ' ')} would have come too late{then}"
        )
