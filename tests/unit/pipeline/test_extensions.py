"""Feature sets from outside: announced by a package, checked, then like any other; or refused by name."""

import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import pipeline.features
from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig
from pipeline.features import FEATURE_SETS, install
from schemas.intervals import MINUTE
from signaltape.cli import Entry, features, load
from signaltape.extensions import FeatureExtensionError, load_feature_sets
from tests.support.bar_file import bar_file
from tests.support.engine_log import OPEN, feature_batches, market, run

EXAMPLE = Path(__file__).parents[3] / "examples" / "feature_extension" / "close_location.py"
Announce = Callable[..., None]


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Announce]:
    """Install packages as a wheel would: a module and a dist-info with an entry point; all gone afterwards."""
    site, before = tmp_path / "site", dict(pipeline.features._SETS)
    monkeypatch.syspath_prepend(str(site))
    modules: list[str] = []

    def make(name: str, module: str, source: str | Path, value: str = "SET") -> None:
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[signaltape.features]\n{name} = {module}:{value}\n")
        if isinstance(source, Path):
            shutil.copy(source, site)
        else:
            (site / f"{module}.py").write_text(source)
        modules.append(module)
        invalidate_caches()

    yield make
    for module in modules:
        sys.modules.pop(module, None)
    pipeline.features._SETS.clear()
    pipeline.features._SETS.update(before)


def changed(*changes: tuple[str, str]) -> str:
    source = EXAMPLE.read_text()
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


def test_nothing_announced_changes_nothing() -> None:
    before = dict(FEATURE_SETS)
    assert load_feature_sets() == ()
    assert dict(FEATURE_SETS) == before


def test_a_sound_set_is_listed_computed_and_checked_by_the_commands(announce: Announce, tmp_path: Path) -> None:
    announce("location", "close_location", EXAMPLE)
    runner, out = CliRunner(), tmp_path / "out.parquet"
    listed = runner.invoke(features.app, ["list", "--set", "location"])
    assert "close_location_5     from bar  4  mean of 5 (c - l) / (h - l)" in listed.stdout
    path, options = str(bar_file(tmp_path, "parquet")), ["--interval", "1m", "--stamp", "close", "--out", str(out)]
    assert runner.invoke(features.app, ["compute", path, *options, "--set", "location"]).exit_code == 0
    table, bars = pq.read_table(out).to_pandas(), pq.read_table(path).to_pandas()
    mine = bars[bars.symbol == "S001"]
    location = ((mine.close - mine.low) / (mine.high - mine.low)).fillna(0.5).rolling(5).apply(np.mean, raw=True)
    assert np.allclose(table[table.symbol == "S001"].close_location_5, location[20:], rtol=1e-12)
    checked = runner.invoke(features.app, ["check", "--set", "location"])
    assert checked.exit_code == 0
    assert "ok   location   feature close_location_5" in checked.stdout


def test_it_runs_beside_other_sets_and_intervals_with_the_bits_it_has_alone(announce: Announce) -> None:
    announce("location", "close_location", EXAMPLE)
    load_feature_sets()
    assert load_feature_sets() == (), "a second call adds nothing"
    source = market(4, 45, 3)
    batches = [source.batch(at) for at in range(45)]
    hourly = [source.batch(at, interval="1h", event_time=(at + 1) * 60 * MINUTE) for at in range(45)]
    found = {}
    for sets in (("location",), ("core", "location", "minimal")):
        engine = PartitionEngine(EngineConfig(partition=0, partitions=1, feature_sets=sets))
        steps = run([OPEN, *batches, *hourly], engine)
        for one in feature_batches(steps):
            if one.feature_set == "location" and one.symbols:
                found.setdefault((one.interval, one.event_time), set()).add(one.values.tobytes())
    assert {interval for interval, _ in found} == {"1m", "1h"}
    assert all(len(bits) == 1 for bits in found.values())


def test_commands_that_use_sets_load_them_first(announce: Announce) -> None:
    announce("location", "close_location", EXAMPLE)
    load(Entry(name="train", target="signaltape.cli.train:train", help="", sets=True))
    assert "location" in FEATURE_SETS


SUM = ("(state[0] + state[1] + state[2] + state[3] + location) / 5.0", "np.sum(state, axis=0) + location")
REFUSED = {
    "another hash": (
        [
            ('SET = feature_set(', 'import dataclasses\n\nSET = dataclasses.replace(feature_set('),
            ('extra=(FAMILY,))', 'extra=(FAMILY,)), hash="0")'),
        ],
        "hash",
    ),
    "a reduction of numpy's": ([SUM], r"close_location, line \d+: sum"),
    "the clock": ([("import numpy as np", "import time\n\nimport numpy as np")], "import time"),
    "a warm-up that is too short": ([("first=4", "first=3")], "close_location_5 fails the check look_back"),
    "no import": ([("import numpy as np", "import numppy as np")], "can't be imported: ModuleNotFoundError"),
    "a column of the release": ([('name="close_location_5"', 'name="rsi_14"')], "both have 'rsi_14'"),
    "a set of the release": ([('feature_set("location"', 'feature_set("core"')], "holds a set named 'core'"),
    "a column that isn't there": ([('"logret_1", ', '"logret_3", ')], "unknown feature 'logret_3'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_a_faulty_set_is_refused_with_nothing_installed(fault: str, announce: Announce) -> None:
    changes, reason = REFUSED[fault]
    announce("location", "close_location", changed(*changes))
    with pytest.raises(FeatureExtensionError, match=reason) as refused:
        load_feature_sets()
    assert "'location' of close_location" in str(refused.value)
    assert "location" not in FEATURE_SETS


def test_the_check_reports_a_faulty_set_and_exits_1(announce: Announce) -> None:
    announce("location", "close_location", changed(("first=4", "first=3")))
    result = CliRunner().invoke(features.app, ["check", "--set", "location", "--cuts", "1"])
    assert result.exit_code == 1
    assert "FAIL location   look_back close_location_5" in result.stdout


def test_something_else_than_a_set_is_refused(announce: Announce) -> None:
    announce("location", "close_location", EXAMPLE, value="FAMILY")
    with pytest.raises(FeatureExtensionError, match="is a Family; it must be what"):
        load_feature_sets()


def test_two_packages_with_one_column_are_told_apart(announce: Announce) -> None:
    announce("location", "close_location", EXAMPLE)
    other = changed(('feature_set("location"', 'feature_set("other"'), ('name="close_location"', 'name="theirs"'))
    announce("other", "other_location", other)
    with pytest.raises(FeatureExtensionError, match="families close_location and theirs both have a column"):
        load_feature_sets()
    assert not {"location", "other"} & set(FEATURE_SETS), "one of them was installed"


def test_a_name_that_is_taken_by_another_set_is_refused() -> None:
    core = FEATURE_SETS["core"]
    with pytest.raises(ValueError, match="'core' exists with other columns"):
        install([pipeline.features.feature_set("core", 1, core.names[:3])])
    assert FEATURE_SETS["core"] is core
