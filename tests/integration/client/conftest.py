"""Topics of a test's own, without a database: the SDK needs none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.broker.admin import create_topics
from infra.settings import Settings
from infra.stack import Endpoints
from tests.support.isolation import isolated_settings, unique_name
from tests.support.signal_log import TransactionWriter

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def make_bare_settings(endpoints: Endpoints, tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings of this test's own whose topics don't exist yet."""
    prefix = f"{unique_name()}."

    def make(**groups: object) -> Settings:
        return isolated_settings(endpoints, tmp_path / "home", NO_DATABASE, prefix, **groups)

    return make


@pytest.fixture
def topics(make_bare_settings: Callable[..., Settings]) -> Settings:
    """Settings of this test's own whose topics exist."""
    settings = make_bare_settings()
    create_topics(settings)
    return settings


@pytest.fixture
def writer(topics: Settings) -> TransactionWriter:
    return TransactionWriter(topics)
