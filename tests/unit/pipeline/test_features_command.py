"""`signaltape features`: the list is the table, a file's features are the engine's."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipeline.features import CORE, FEATURE_SETS
from schemas.intervals import MINUTE
from signaltape.cli.features import app
from tests.support.bar_file import BASE, MARKET, bar_file, stamps
from tests.support.engine_log import OPEN, feature_batches, run


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_computed_from_a_file_they_are_those_of_the_log(tmp_path: Path, ending: str) -> None:
    out = tmp_path / "made" / "out.parquet"
    code, text = invoke(
        "compute", bar_file(tmp_path, ending), "--interval", "1m", "--stamp", "close", "--out", out, "--json"
    )
    assert code == 0
    summary = json.loads(text)
    batches = feature_batches(run([OPEN, *(MARKET.batch(at, **stamps(at)) for at in range(50))]))
    assert summary["vectors"] == sum(len(one.symbols) for one in batches) == 3 * 17
    schema = pq.read_schema(out)
    assert schema.names == ["symbol", "event_time", *FEATURE_SETS["core"].names]
    assert schema.field("event_time").type == "int64"
    written = pq.read_table(out).to_pylist()
    live = {(s, one.event_time): (one.values[r], one.valid[r]) for one in batches for r, s in enumerate(one.symbols)}
    assert len(written) == len(live)
    for row in written:
        values, valid = live[row["symbol"], row["event_time"]]
        assert [row[f.name] for f in CORE] == [v if ok else None for v, ok in zip(values.tolist(), valid, strict=True)]


def test_a_file_stamped_at_the_open_is_one_interval_later(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert invoke("compute", bar_file(tmp_path, "csv"), "--interval", "1m", "--stamp", "open", "--out", out)[0] == 0
    assert pq.read_table(out)["event_time"][0].as_py() == BASE + 35 * MINUTE


def test_splits_are_applied(tmp_path: Path) -> None:
    splits = tmp_path / "splits.csv"
    splits.write_text("symbol,effective_time,factor\nS001,2024-01-01T00:40:00Z,2\n")
    out = tmp_path / "out.parquet"
    options = ("--interval", "1m", "--stamp", "close", "--out", out, "--splits", splits)
    assert invoke("compute", bar_file(tmp_path, "csv"), *options)[0] == 0
    rows = {row["event_time"]: row for row in pq.read_table(out).to_pylist() if row["symbol"] == "S001"}
    expected = np.log(MARKET.close[40, 1]) - np.log(MARKET.close[39, 1] / 2.0)
    assert rows[BASE + 41 * MINUTE]["logret_1"] == expected


def test_the_list_is_the_table_of_features() -> None:
    code, text = invoke("list", "--json")
    shown = json.loads(text)
    assert code == 0
    assert [row["name"] for row in shown["features"]] == list(FEATURE_SETS["core"].names)
    assert (shown["warm_up"], shown["hash"]) == (33, FEATURE_SETS["core"].hash)
    assert invoke("list", "--set", "minimal")[1].count("\n") == len(FEATURE_SETS["minimal"].names) + 1


@pytest.mark.parametrize("arguments", [("list", "--set", "none"), ("compute", "x.csv")])
def test_wrong_use_exits_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments)[0] == 2
