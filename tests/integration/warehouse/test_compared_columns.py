"""What the crash tests compare: every column of a compared table is either compared or named as left out."""

import pytest

from infra.settings import Settings
from infra.warehouse import connect, migrate
from tests.support import content, feature_runs

COMPARISONS = {
    "of the whole flow": (content.COLUMNS, content.LEFT_OUT),
    "of the feature agent": (dict(feature_runs.COMPARED.values()), feature_runs.LEFT_OUT),
}


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_each_column_is_compared_or_named(settings: Settings, comparison: str) -> None:
    compared, left_out = COMPARISONS[comparison]
    assert compared.keys() == left_out.keys()
    migrate(settings)
    with connect(settings) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY(%s)",
            (list(compared),),
        ).fetchall()
    there = {table: sorted(column for name, column in rows if name == table) for table in compared}
    named = {table: sorted((compared[table] + " " + left_out[table]).split()) for table in compared}
    assert named == there
