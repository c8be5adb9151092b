"""Which connection properties the Faust services follow."""

import pytest

from consumers.shell.credentials import credentials
from consumers.shell.errors import ShellError


def test_what_says_nothing_of_the_connection_is_left_out() -> None:
    assert credentials({"log_level": "0"}) is None


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(ShellError, match=r"ssl\.cipher\.suites"):
        credentials({"log_level": "0", "ssl.cipher.suites": "x"})
