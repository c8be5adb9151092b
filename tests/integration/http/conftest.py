"""One running pipeline for all tests of a module."""

from collections.abc import Iterator

import pytest

from infra.online import SignalCache
from infra.stack import Endpoints
from tests.support.isolation import create_database, drop_database, isolated_settings, unique_name
from tests.support.serving_world import ServingWorld, serving_world

TOKEN = "a-token-for-the-tests-only"


@pytest.fixture(scope="module")
def world(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingWorld]:
    name, folder = unique_name(), tmp_path_factory.mktemp("serving")
    dsn = create_database(endpoints, name)
    settings = isolated_settings(
        endpoints,
        folder / "home",
        dsn,
        f"{name}.",
        api={"port": 0, "token": TOKEN, "request_timeout_s": 60.0},
        topics={"prefix": f"{name}.", "partitions": 2},
    )
    with serving_world(settings, folder) as made:
        yield made
    drop_database(endpoints, name)


@pytest.fixture
def cache(world: ServingWorld) -> Iterator[SignalCache]:
    found = SignalCache(world.settings)
    yield found
    found.close()
