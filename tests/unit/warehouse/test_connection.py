"""Connecting to the warehouse: what a wrong setting may and may not say."""

import traceback

import pytest

from infra.settings import Settings
from infra.warehouse import WarehouseError, connect


def test_a_setting_that_is_no_connection_string_is_named_without_its_password() -> None:
    settings = Settings(postgres={"dsn": "postgresql://u:hunter%zz2@h/d"})  # type: ignore[arg-type]
    with pytest.raises(WarehouseError, match=r"postgres\.dsn") as caught:
        connect(settings)
    assert "hunter" not in "".join(traceback.format_exception(caught.value))
