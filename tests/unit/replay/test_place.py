"""The settings of a replay, as its services load them."""

import os
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings, load_settings
from pipeline.replay.naming import ReplayName
from producers.errors import BarInputError
from signaltape.cli.replay_text import record_text, report_text
from signaltape.client import ClientUsageError, replay
from signaltape.replay.errors import ReplayUsageError
from signaltape.replay.place import ReplayPlace
from signaltape.replay.record import ReplayRecord
from signaltape.replay.request import ReplayRequest
from signaltape.replay.run import ReplayCounts, ReplayReport

NAME = ReplayName("a-b")


def test_services_load_the_replays_settings_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Settings(
        home=tmp_path / "live",
        topics={"prefix": "prod.", "partitions": 3},  # type: ignore[arg-type]
        postgres={"dsn": "postgresql://u:p@h/d"},  # type: ignore[arg-type]
        kafka={"options": {"sasl.password": "x"}},  # type: ignore[arg-type]
        metrics={"port": 9_000},  # type: ignore[arg-type]
        engine={"feature_sets": ("core", "minimal")},  # type: ignore[arg-type]
    )
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "signaltape.toml").write_text('[topics]\nprefix = "prod."\n')
    for name in ("SIGNALTAPE_TOPICS__PREFIX", "signaltape_topics__prefix", "SIGNALTAPE_POSTGRES__DB_SCHEMA"):
        monkeypatch.setenv(name, "prod" if name.endswith("SCHEMA") else "prod.")
    monkeypatch.setenv("SIGNALTAPE_CONFIG", str(tmp_path / "live" / "signaltape.toml"))
    place = ReplayPlace(NAME, live)
    environment = place.environment()
    for name in [name for name in os.environ if name.upper().startswith("SIGNALTAPE_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    assert loaded == place.settings
    assert (loaded.topics.prefix, loaded.topics.partitions) == ("replay-a-b.", 3)
    assert loaded.postgres.db_schema == "replay_a_b"
    assert loaded.home == tmp_path / "live" / "replays" / "a-b"
    assert loaded.metrics.port == 0
    assert not loaded.store.publish_repairs
    assert loaded.engine == live.engine


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"start": 2, "end": 1}, ReplayUsageError, "is not before --to"),
        ({"source": "elsewhere"}, ReplayUsageError, "use store, topic or a file"),
        ({"symbols": ("A", "A")}, ReplayUsageError, "names a symbol twice"),
        ({"speed": "fast"}, BarInputError, "use max, 1x, 60x"),
    ],
)
def test_requests_that_cannot_be_meant(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ReplayRequest(**{"name": NAME, "start": 1, "end": 2, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start": "2024-01-02"}, "has no zone"),
        ({"ident": "A.B"}, "lower-case letters"),
        ({"model": ":3"}, "NAME:VERSION"),
        ({"model": "a:x"}, "NAME:VERSION"),
    ],
)
def test_the_sdk_refuses_what_cannot_be_meant(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientUsageError, match=message):
        replay(**{"start": "2024-01-02T00:00:00Z", "end": "2024-01-03T00:00:00Z", **given})


def test_texts() -> None:
    counts = ReplayCounts(bars=2, features=3, predictions=4, signals=5, alerts=6)
    report = ReplayReport(
        ident="a", source="store", lead_bars=7, bars=2, counts=counts, missing_days=tuple(f"d{n}" for n in range(7)),
        seconds=1.5, rate=6.0, place={"topics": "t", "schema": "s", "redis": "r", "folder": "f"}, notes=("other bits",),
    )  # fmt: skip
    text = report_text(report, removed=False)
    assert "d0, d1, d2, d3, d4 and 2 more" in text
    assert "`signaltape replay remove a`" in text
    assert "\n  ! other bits\n" in text
    assert "everything that it made is removed" in report_text(report, removed=True)
    asked = {"from": "x", "to": "y", "source": "store", "speed": "max"}
    record = ReplayRecord(
        ident="a",
        request=asked,
        created_at="",
        state="running",
        detail="why",
        progress={"bars": 1_000, "waiting": {"f": 2}},
    )
    assert "1,000" in record_text(record)
    assert "2 f" in record_text(record)
