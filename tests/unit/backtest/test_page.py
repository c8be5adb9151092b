"""The page about backtests names what there is to import, every file and column, and every option."""

from pathlib import Path

import pytest
from typer.main import get_command_from_info
from typer.models import CommandInfo

import signaltape.backtest
from signaltape.backtest import columns
from signaltape.cli.backtest import backtest

PAGE = (Path(__file__).parents[3] / "docs" / "backtest.md").read_text()
FILES = {"equity": columns.EQUITY, "fills": columns.FILLS, "trades": columns.TRADES, "positions": columns.POSITIONS}


def test_everything_that_can_be_imported_is_named() -> None:
    assert [name for name in signaltape.backtest.__all__ if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("name", FILES)
def test_every_column_is_named(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}.parquet`")]
    assert [column for column in FILES[name].names if f"`{column}`" not in row] == []


def test_every_option_is_named() -> None:
    command = get_command_from_info(CommandInfo(callback=backtest), pretty_exceptions_short=True, rich_markup_mode=None)
    options = [(*option.opts, *option.secondary_opts) for option in command.params]
    assert len(options) > 20
    assert [names for names in options if not any(name in PAGE for name in names)] == []
