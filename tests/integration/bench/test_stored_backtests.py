"""The benchmark of backtests out of the store, small: store and file give the same."""

from pathlib import Path

import pytest

from infra.settings import Settings
from signaltape.bench.backtest_store import Place, Size, run
from signaltape.initialisation import initialise
from tests.support.isolation import process_environment

pytestmark = pytest.mark.slow

SAME = ("bars", "bar_times", "signals", "fills")


def test_the_store_and_the_file_give_the_same_bars_and_signals(settings: Settings, tmp_path: Path) -> None:
    initialise(settings)
    place = Place(settings=settings, folder=tmp_path, environment=process_environment(settings))
    found = run(place, size=Size(symbols=4, sessions=2, families=("linear",)))
    stored, filed = found["store"]["linear"], found["file"]
    assert [row["bar_times"] for row in stored] == [78, 780]
    for one, other in zip(stored, filed, strict=True):
        assert {name: one[name] for name in SAME} == {name: other[name] for name in SAME}
        assert one["peak_mb"] > 50.0
    assert stored[1]["signals"] > 1_000
