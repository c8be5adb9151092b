"""One database for the files of this folder that don't care what else lies in it."""

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect, migrate
from tests.support import isolation
from tests.support.feature_facts import SETS


@pytest.fixture(scope="module")
def filled(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a database with the tables and some registered sets."""
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    settings = isolation.isolated_settings(endpoints, tmp_path_factory.mktemp("home"), dsn, f"{name}.")
    migrate(settings)
    with connect(settings) as connection:
        for one in SETS:
            connection.execute("INSERT INTO feature_sets VALUES (%s, %s, %s, %s)", one)
    yield settings
    isolation.drop_database(endpoints, name)
