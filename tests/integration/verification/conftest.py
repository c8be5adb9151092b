"""One run of the pipeline, verified from many sides."""

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from tests.support.explained_run import explained_run


@pytest.fixture(scope="package")
def flown(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with explained_run(endpoints, tmp_path_factory.mktemp("verified")) as settings:
        yield settings
