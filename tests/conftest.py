"""Fixtures: one stack of real servers per test session, and settings of its own for each test."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as examples
from xdist.scheduler import LoadFileScheduling

from infra.settings import Settings
from infra.stack import Endpoints
from tests.support import isolation, providers

# As in the Makefile, for pytest called by itself: test processes and services compile once, not at each start.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ.setdefault(
        "PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".cache" / "bytecode")
    )

# The same examples in each run, so that a change is what makes a test fail; `make crash` looks for new ones.
examples.register_profile("same", derandomize=True)
if os.environ.get("SIGNALTAPE_NEW_EXAMPLES") != "1":
    examples.load_profile("same")

# Fixtures `browser`, `page` and `watched`, for any test that needs a real browser.
pytest_plugins = ("tests.support.browser",)

MARKERS_BY_FOLDER = ("unit", "contract", "integration", "crash", "acceptance")


#: Several workers end together if what takes longest comes first and what takes milliseconds fills the gaps.
ORDER = ("crash", "acceptance", "integration", "contract", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test carries the marker of its folder: `pytest -m integration` and `pytest tests/integration` agree."""
    root = Path(__file__).parent
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(root).parts[0]))
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        if folder in MARKERS_BY_FOLDER:
            item.add_marker(folder)


#: Folders whose files share one running world: one worker runs all of them, so that it is built once.
TOGETHER = ("tests/integration/console/",)


class Together(LoadFileScheduling):
    """As `--dist loadfile`, with whole folders instead of files where ``TOGETHER`` names them."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Take the place of loadfile, which is what the Makefile asks for."""
    return Together(config, log)


@pytest.fixture(scope="session", autouse=True)
def patient() -> Iterator[None]:
    """Test processes wait for Redis as long as a loaded machine may take; services go on after a second."""
    from infra.online import server

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_TIMEOUT_S", 30.0)
        yield


@pytest.fixture(scope="session")
def stack() -> Iterator[providers.TestStack]:
    """Kafka, Postgres with TimescaleDB and Redis, started once; `kill`, `restart`, … act on one of them.

    Fails, not skips, where TimescaleDB cannot be had, unless SIGNALTAPE_ALLOW_PLAIN_POSTGRES=1.
    SIGNALTAPE_TEST_PROVIDER=testcontainers takes containers instead, and skips without a Docker daemon.
    """
    with providers.session_stack() as started:
        yield started


@pytest.fixture(scope="session")
def endpoints(stack: providers.TestStack) -> Endpoints:
    """Where the session's servers answer."""
    return stack.endpoints


@pytest.fixture
def database_dsn(endpoints: Endpoints) -> Iterator[str]:
    """An empty database of this test's own (no tables), dropped afterwards."""
    name = isolation.unique_name()
    yield isolation.create_database(endpoints, name)
    isolation.drop_database(endpoints, name)


@pytest.fixture
def make_settings(
    endpoints: Endpoints, tmp_path: Path, database_dsn: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Settings]]:
    """Makes settings with a topic prefix, a database and a home of this test's own; groups can be overridden."""
    prefix = f"{isolation.unique_name()}."

    def make(**groups: object) -> Settings:
        return isolation.isolated_settings(endpoints, tmp_path / "home", database_dsn, prefix, **groups)

    yield make
    if request.node.get_closest_marker("crash") is not None:
        isolation.drop_topics(make())


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """Settings of this test's own: nothing that another test writes is seen through them."""
    return make_settings()
