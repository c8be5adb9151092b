"""The page about tables is what a fresh database says of itself."""

import re
from pathlib import Path

import psycopg
import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import migrate
from tests.support.table_reference import page, silent

PAGE = Path(__file__).parents[3] / "docs" / "operations" / "tables.md"
#: ACCEPTANCE O4: views with the columns that people look for.
LOOKED_FOR = {
    "model_performance": {"model_id", "timestamp", "inference_latency", "feature_drift_score", "prediction_count"},
    "ab_outcomes": {"experiment_id", "arm", "model_id", "symbol", "prediction", "actual_return", "pnl"},
    "feature_events": {
        "entity_key", "feature_name", "feature_version", "event_time", "value_double", "ingest_time", "producer",
        "producer_version", "run_id",
    },
}  # fmt: skip


@pytest.fixture
def dsn(settings: Settings) -> str:
    migrate(settings)
    return settings.postgres.dsn


def test_every_table_says_what_it_holds(dsn: str) -> None:
    assert not silent(dsn), "add COMMENT ON TABLE … in the migration that makes it"


def test_the_page_is_current(dsn: str, endpoints: Endpoints) -> None:
    if endpoints.timescale_version is None:
        pytest.skip("plain Postgres has no hypertables, and the page names them")
    again = "run: python -m tests.support.table_reference > docs/operations/tables.md"
    assert PAGE.read_text() == page(dsn), again


@pytest.mark.parametrize(("view", "columns"), LOOKED_FOR.items())
def test_views_have_the_columns_that_people_look_for(dsn: str, view: str, columns: set[str]) -> None:
    with psycopg.connect(dsn) as connection:
        found = {row[0] for row in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (view,))}  # fmt: skip
    assert columns <= found
    assert re.search(rf"^\| `{view}` \| \S", PAGE.read_text(), re.MULTILINE)
