"""The end of a backfill: splits and states into the log, so that live bars continue from them."""

from collections.abc import Callable, Sequence

from infra.broker.admin import low_high_offsets
from infra.broker.publisher import Publisher
from infra.crash_points import reach
from infra.settings import Settings
from pipeline.backfill import HistoryEngines
from producers.history import History
from schemas.bars import Adjustment, StateRepair
from schemas.codec import encode
from schemas.headers import event_headers
from schemas.ids import digest
from schemas.partitioning import partition_of
from schemas.topics import TopicNames


def enter_log(
    settings: Settings,
    engines: HistoryEngines,
    history: History,
    splits: Sequence[Adjustment],
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Publish the splits and one ``StateRepair`` per symbol, all acknowledged; return how many states.

    1. The splits, and wait: they have to lie before the states that include them.
    2. A state for each symbol, as of no offset at all (-1): bars that came live meanwhile are stepped again on top
       of it. A symbol with splits has its state as of the end of its partition, behind them.

    Done twice, the second state finds what the first one left and changes nothing; the second split is a duplicate.
    """
    topic, partitions = TopicNames(settings.topics.prefix).bars, settings.topics.partitions
    publisher = Publisher(settings, "backfill")
    for split in splits:
        ident = digest("adjustment", split.source, split.symbol, split.effective_time, split.factor)
        headers = event_headers(split.TYPE, ident, f"feed/{split.feed}", split.effective_time)
        publisher.send(topic, partition_of(split.symbol, partitions), encode(split), headers=headers)
    publisher.flush_acknowledged()
    reach("backfill.5_splits")
    behind = dict.fromkeys(history.symbols, -1)
    if splits:
        high = {partition: one[1] for partition, one in low_high_offsets(settings, topic).items()}
        behind |= {one.symbol: high[partition_of(one.symbol, partitions)] - 1 for one in splits}
    for place, symbol in enumerate(history.symbols):
        partition, repair = engines.state(symbol, history.table.interval, behind[symbol])
        ident = digest("state", symbol, repair.interval, repair.last_event_time, repair.as_of_offset)
        headers = event_headers(StateRepair.TYPE, ident, "backfill", repair.last_event_time)
        publisher.send(topic, partition, encode(repair), headers=headers)
        progress(1)
        if place == 0:
            reach("backfill.5_first_state")
    publisher.flush_acknowledged(300.0)
    reach("backfill.5_states")
    return len(history.symbols)
