"""Files of a backtest hold what was handed out, row by row, however it was cut into pieces."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.trading.results import Fills, Trades
from schemas.ids import SignalIds
from schemas.signal_columns import SignalColumns, SignalTerms
from signaltape.backtest.columns import (
    EQUITY,
    FILLS,
    SIGNALS,
    TRADES,
    equity_columns,
    fill_columns,
    signal_columns,
    table,
    trade_columns,
)
from signaltape.backtest.spool import Spool

MINUTE = 60_000_000_000


def signals(at: int, codes: list[int], terms: int) -> SignalColumns:
    size = len(codes)
    values = np.arange(size) / 7.0 + at
    symbols = tuple(f"S{at}{row}" for row in range(size))
    return SignalColumns(
        first_seq=0, timestamp=0.0, event_time=at * MINUTE, interval="1m", strategy=f"s{at}", source=(0, at),
        terms=[
            SignalTerms(
                horizon=at + n, model=f"m{n}", model_version=n, models=tuple(f"m{k}" for k in range(n)),
                expires_at=(at + n) * MINUTE, reason="live" if n else "fallback",
            )
            for n in range(terms)
        ],
        term=np.array([(code + 1) % terms for code in codes], np.int64), signal_id=SignalIds("r", symbols, "1m", at),
        symbol=symbols, direction=np.array([code % 3 for code in codes], np.uint8), score=values,
        confidence=values + 1, reference_price=values + 2, position_scale=values + 3,
    )  # fmt: skip


def plain(made: pa.Table) -> list[dict[str, object]]:
    """Rows with times as integers."""
    for place, field in enumerate(made.schema):
        if pa.types.is_timestamp(field.type):
            made = made.set_column(place, field.name, made.column(place).cast(pa.int64()))
    return made.to_pylist()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 3)), min_size=1))
def test_signals_are_those_of_the_rows(drawn: list[tuple[list[int], int]]) -> None:
    pieces = [signals(at, codes, terms) for at, (codes, terms) in enumerate(drawn)]
    expected = [
        {name: getattr(one, name) for name in SIGNALS.names} | {"models": list(one.models)}
        for piece in pieces
        for one in piece
    ]
    assert plain(table(signal_columns(pieces), SIGNALS)) == expected


def test_fills_and_trades_of_several_bar_times() -> None:
    one, two = np.array([1.0]), np.array([2.0, 3.0])
    fills = [
        (MINUTE, Fills(symbol=("A",), units=one, price=one, commission=one, slippage=one)),
        (2 * MINUTE, Fills(symbol=("B", "C"), units=two, price=two, commission=two, slippage=two)),
    ]
    found = plain(table(fill_columns(fills), FILLS))
    assert [(row["event_time"], row["symbol"], row["units"]) for row in found] == [
        (MINUTE, "A", 1.0), (2 * MINUTE, "B", 2.0), (2 * MINUTE, "C", 3.0),
    ]  # fmt: skip
    times = np.array([7], np.int64)
    trades = Trades(
        symbol=("A",), side=times, units=one, entry_time=times, exit_time=times + 1, entry_price=one, exit_price=one,
        gross=one, costs=one, net=one, bars=times, model=("m:1",),
    )  # fmt: skip
    rows = plain(table(trade_columns([trades, trades]), TRADES))
    assert rows == [{name: getattr(trades, name)[0] for name in TRADES.names}] * 2


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "equity.parquet"
    lines = [(at, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, at) for at in range(9_000)]
    with pytest.raises(ZeroDivisionError), Spool(path, EQUITY, equity_columns) as spool:
        spool.add(lines[0], 1 // 0)
    assert not list(tmp_path.iterdir())
    with Spool(path, EQUITY, equity_columns) as spool:
        for line in lines:
            spool.add(line, 1)
            assert not path.exists()
    assert spool.rows == 9_000
    assert [tuple(row.values()) for row in plain(pq.read_table(path))] == lines
