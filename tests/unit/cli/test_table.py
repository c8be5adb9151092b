"""The command line's table: everything in it loads, and help loads none of it."""

import subprocess
import sys

import pytest

from signaltape import __version__
from signaltape.cli import COMMANDS, Entry, load


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_loads(entry: Entry) -> None:
    assert load(entry).name == entry.name


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "signaltape", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_help_names_every_command_and_imports_no_heavy_library() -> None:
    script = (
        "import sys; from signaltape.cli import app\n"
        "try: app(['--help'], prog_name='signaltape')\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'onnxruntime', 'fastapi', 'confluent_kafka', 'psycopg', 'faust', 'pydantic'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "HEAVY []" in answer.stdout
    assert all(entry.name in answer.stdout for entry in COMMANDS)


def test_version_and_usage_errors() -> None:
    assert run("--version").stdout.strip() == f"signaltape {__version__}"
    assert run("no-such-command").returncode == 2


def test_an_operators_error_has_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALTAPE_TOPICS__PARTITIONS", "none")
    answer = run("config", "show")
    assert answer.returncode == 2
    assert "SIGNALTAPE_TOPICS__PARTITIONS" in answer.stderr
    assert "Traceback" not in answer.stderr
