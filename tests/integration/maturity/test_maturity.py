"""The assessment over real tables: evidence that is there, and that is not."""

import json
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.warehouse import connect
from signaltape.initialisation import initialise
from tests.support.commands import runner


def test_from_records(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = runner(settings, monkeypatch, capsys)
    before = run("maturity", "--json")  # no tables: no evidence, and no zero either
    assert ("no evidence" in before.err, json.loads(before.out)["average"]) == (True, None)
    initialise(settings)
    with connect(settings) as connection:
        for at in range(3):
            connection.execute(
                "INSERT INTO datasets (dataset_id, fingerprint, rows, as_of, detail) VALUES (%s, %s, 1, now(), %s)",
                (f"d{at}", f"f{at}", json.dumps({"final": at > 0})),
            )
        connection.execute("INSERT INTO daily_runs (job, day, status) VALUES ('daily', '2024-05-02', 'done')")
    (tmp_path / "half.toml").write_text('"data.suite" = 3\n')
    found = json.loads(run("maturity", "--answers", tmp_path / "half.toml", "--json").out)
    answers = {one["id"]: one for area in found["areas"] for one in area["answers"]}
    assert answers["data.datasets"] == {
        "id": "data.datasets", "text": "Are training sets versioned, with a fingerprint?", "level": 2,
        "source": "evidence", "detail": "datasets = 3; levels from 1, 3, 10",
    }  # fmt: skip
    assert answers["data.final"]["level"] == 1  # two of three
    assert answers["monitoring.reports"]["level"] == 1
    assert answers["deployment.gated"]["level"] is None  # a share of no promotions
    assert (answers["data.suite"]["level"], answers["data.suite"]["source"]) == (3, "said")
    assert len(found["weakest"]) == 3
    text = run("maturity").out
    assert "3. " in text
    assert "all areas" in text
    filled = run("maturity", "--questions").out
    (tmp_path / "all.toml").write_text(filled)
    assert run("maturity", "--answers", tmp_path / "all.toml").code == 0
    assert run("maturity", "--answers", tmp_path / "none.toml").code == 2
