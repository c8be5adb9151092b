"""The same bars from the store, from the topic and from a file: the same trades and equity, bit for bit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.history.errors import HistoryError
from infra.scoring.errors import UnknownModel
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from producers.bar_table import BarTable
from signaltape.backtest import Backtest, BacktestRefused, BacktestRequest, BarFile, Choice, TradingOptions, backtest
from signaltape.draining import waiting
from tests.support import isolation, services, world
from tests.support.waiting import wait_for

MODEL = "linear-alpha:1"
FILES = ("equity", "fills", "trades", "positions", "signals")
#: Signals of a file are numbered in its own log, which has one partition.
LOG_ONLY = ("signal_id",)
TERMS = TradingOptions(commission_bps=0.7, slippage_bps=0.4, weight=0.2, max_weight=0.3, max_positions=9, lot=1.0)


@dataclass(frozen=True)
class Published:
    settings: Settings
    bars: BarTable
    file: BarFile


@pytest.fixture(scope="module")
def published(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """A market that went through the live services, and the file that it came from."""
    folder, name = tmp_path_factory.mktemp("sources"), isolation.unique_name()
    settings = isolation.isolated_settings(
        endpoints, folder / "home", isolation.create_database(endpoints, name), f"{name}.",
        topics={"prefix": f"{name}.", "partitions": 2},
    )  # fmt: skip
    bars = world.small_market(symbols=24, bars=150)
    events = world.prepare(settings, folder)
    with services.running(settings, "ingest", "features", "inference", "store"):
        world.wait_relayed(settings, len(events))
        world.publish(settings, bars)
        wait_for(lambda: stored(settings), 60, "the bars to be stored", 0.1)
    names = ("symbol", "open", "high", "low", "close", "volume")
    columns = {"ts": bars.event_time, **{one: getattr(bars, one) for one in names}}
    pq.write_table(pa.table(columns), folder / "bars.parquet")
    yield Published(settings, bars, BarFile(path=folder / "bars.parquet", interval="1m", stamp="close"))
    isolation.drop_database(endpoints, name)


def stored(settings: Settings) -> bool:
    """True once nothing waits but for the drift agent, which does not run here."""
    with connect(settings) as connection:
        return all(stage == "drift" for stage, _ in waiting(settings, connection))


def request(out: Path, **fields: object) -> BacktestRequest:
    chosen = BacktestRequest(choice=Choice(model=MODEL), out=out, interval="1m", trading=TERMS)
    return replace(chosen, **fields)  # type: ignore[arg-type]


def content(made: Backtest, name: str) -> list[tuple[str, list[object]]]:
    """Columns of a file, floats by their bits."""
    table = pq.read_table(made.folder / f"{name}.parquet")
    order = [key for key in ("event_time", "exit_time", "symbol") if key in table.column_names]
    table = table.sort_by([(key, "ascending") for key in order])
    return [
        (column, [value.hex() if isinstance(value, float) else value for value in table[column].to_pylist()])
        for column in table.column_names
        if column not in LOG_ONLY
    ]


@pytest.mark.slow
def test_every_source_gives_the_same_account(published: Published, tmp_path: Path) -> None:
    bars, settings = published.bars, published.settings
    times = sorted(set(bars.event_time.tolist()))
    span = {"start": times[60], "end": times[-2]}
    asked: dict[str, tuple[str | BarFile, bool]] = {
        "store": ("store", False),
        "cold": ("store", True),
        "topic": ("topic", False),
        "file": (published.file, False),
    }
    made = {
        name: backtest(settings, request(tmp_path / name, source=source, cold=cold, **span))
        for name, (source, cold) in asked.items()
    }
    first = made["store"]
    assert first.metrics.trades > 100
    assert first.counts.signals > 1_000
    assert first.counts.bars == len(bars.between(start=times[59], end=times[-2]))
    for name, other in made.items():
        assert other.counts.bar_times == len(times) - 61, name
        for file in FILES:
            assert content(other, file) == content(first, file), (name, file)
        assert other.metrics == first.metrics, name


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"start": 1_900_000_000 * 10**9}, HistoryError, "no bar"),
        ({"choice": Choice(model="nobody")}, UnknownModel, "nobody"),
        ({"choice": Choice(model=f"{MODEL[:-1]}9")}, UnknownModel, "9"),
        ({"interval": "1h"}, BacktestRefused, "it says nothing about 1h"),
        ({"interval": None}, BacktestRefused, "give --interval"),
        ({"choice": Choice(), "interval": None}, BacktestRefused, "--as-live: say which bars are traded"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    published: Published, tmp_path: Path, fields: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        backtest(published.settings, request(tmp_path / "out", **fields))
    assert not (tmp_path / "out").exists()
