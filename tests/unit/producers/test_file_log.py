"""A file as a log: what publishing it would make, so that a backtest of a file is one of the topic."""

from producers.file_log import FEED, file_log
from producers.simulation.market import MarketConfig, simulate
from producers.splits import Split
from schemas.bars import Adjustment, BarBatch, Watermark
from schemas.partitioning import partition_of

TABLE = simulate(MarketConfig(symbols=5, seed=3))


def test_every_partition_is_opened_first_and_closed_last() -> None:
    log = list(file_log(TABLE, partitions=3))
    assert [(one.partition, one.message.state) for one in log[:3]] == [(0, "open"), (1, "open"), (2, "open")]  # type: ignore[union-attr]
    last = int(TABLE.event_time.max())
    assert {(one.partition, one.message.state) for one in log[-3:]} == {(n, "final") for n in range(3)}  # type: ignore[union-attr]
    assert all(one.message.event_time == last for one in log[-3:] if isinstance(one.message, Watermark))
    assert all(one.message.feed == FEED for one in log if isinstance(one.message, BarBatch | Watermark))


def test_bars_are_all_there_in_order_on_their_partitions() -> None:
    log = list(file_log(TABLE, partitions=3, lag=7))
    assert [one.time for one in log] == sorted(one.time for one in log)
    for number in range(3):
        offsets = [one.offset for one in log if one.partition == number]
        assert offsets == list(range(len(offsets)))
    bars = [one for one in log if isinstance(one.message, BarBatch)]
    rows = {(symbol, one.message.event_time) for one in bars for symbol in one.message.symbols}  # type: ignore[union-attr]
    assert rows == set(zip(TABLE.symbol.tolist(), TABLE.event_time.tolist(), strict=True))
    for one in bars:
        assert all(partition_of(symbol, 3) == one.partition for symbol in one.message.symbols)  # type: ignore[union-attr]
        assert one.message.available_time == one.message.event_time + 7  # type: ignore[union-attr]


def test_a_split_comes_before_the_first_bar_behind_it() -> None:
    symbol, times = str(TABLE.symbol[0]), sorted(set(TABLE.event_time.tolist()))
    log = list(file_log(TABLE, partitions=2, splits=[Split(symbol=symbol, effective_time=times[10], factor=2.0)]))
    (at,) = [place for place, one in enumerate(log) if isinstance(one.message, Adjustment)]
    assert log[at].partition == partition_of(symbol, 2)
    before = [one.message.event_time for one in log[:at] if isinstance(one.message, BarBatch)]
    after = [one.message.event_time for one in log[at:] if isinstance(one.message, BarBatch)]
    assert max(before) == times[10] < min(after)


def test_an_empty_table_is_an_empty_log() -> None:
    assert list(file_log(TABLE.between(end=0), partitions=2)) == []
