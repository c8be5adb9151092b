"""What the demonstration says last: where its console is, and how what was kept is stopped."""

import socket
from pathlib import Path

from infra.api_settings import ApiSettings
from signaltape.demo.browser import Browsed, browser_lines


def test_its_console_is_named_and_how_to_keep_it(tmp_path: Path) -> None:
    found = Browsed.of(ApiSettings(port=0), keep=False)
    assert list(browser_lines(found.document(tmp_path, keep=False))) == [
        f"CONSOLE: http://127.0.0.1:{found.port}/console while it ran; --keep (make demo ARGS=--keep) leaves it running"
    ]
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_has_a_token_and_an_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = Browsed.of(ApiSettings(port=port), keep=True)
    assert found.port != port, "somebody else listens there"
    console, token, end = browser_lines(found.document(tmp_path, keep=True))
    assert console == f"CONSOLE: http://127.0.0.1:{found.port}/console"
    file = tmp_path / "token"
    assert token.endswith(f"cat {file}")
    assert file.read_text().strip() == found.token == found.environment["SIGNALTAPE_API__TOKEN"]
    assert len(found.token) >= 16
    assert file.stat().st_mode & 0o077 == 0
    assert end.endswith("down")
    assert f"SIGNALTAPE_HOME={tmp_path}" in end


def test_a_token_of_the_settings_is_used_and_not_written_anywhere(tmp_path: Path) -> None:
    found = Browsed.of(ApiSettings(port=0, token="a-token-of-somebody"), keep=True)
    assert found.token == ""
    assert len(list(browser_lines(found.document(tmp_path, keep=True)))) == 2
    assert list(tmp_path.iterdir()) == []
