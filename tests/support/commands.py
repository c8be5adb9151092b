"""The command line called in this process, by exit code and output."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from infra.settings import Settings
from signaltape.__main__ import main
from tests.support.isolation import process_environment


@dataclass(frozen=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def runner(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `signaltape …` with these settings."""
    for name, value in process_environment(settings).items():
        if name.startswith("SIGNALTAPE_"):
            monkeypatch.setenv(name, value)

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["signaltape", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        else:
            code = 0
        caught = capsys.readouterr()
        # Usage errors come in a frame as wide as the terminal: long messages are broken into lines.
        err = " ".join(caught.err.replace("│", " ").split())
        return Ran(code=int(code or 0), out=caught.out, err=err)

    return call
