"""One running pipeline for the tests of all pages; it takes about half a minute to start.

Tests only add to it (bars, decisions with a reason of their own): each must hold whatever others have added.
"""

from collections.abc import Iterator

import pytest

from infra.stack import Endpoints
from tests.support.console_world import ConsoleWorld
from tests.support.console_world import console_world as started_world


@pytest.fixture(scope="package")
def console_world(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleWorld]:
    """The running pipeline; `.url` is where the console is, `.token` lets change, `.stand` publishes more bars."""
    with started_world(endpoints, tmp_path_factory.mktemp("console")) as world:
        yield world
