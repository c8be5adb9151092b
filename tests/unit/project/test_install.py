"""The installation step says what is missing, and knows when there is nothing to do."""

import builtins
import importlib.util
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/install.py, acting on a project folder of the test's own."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in module.INPUTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    venv = tmp_path / ".venv"
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "CACHE": tmp_path / ".cache",
        "STAMP": venv / "signaltape-installed",
        "UNFINISHED": venv / "signaltape-unfinished",
    }.items():
        monkeypatch.setattr(module, name, value)
    return module


def fake_python(folder: Path, name: str, version: str, exit_code: int) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{'echo ' + version if version else ':'}\nexit {exit_code}\n")
    path.chmod(0o755)


def run_shell(folder: Path) -> subprocess.CompletedProcess[str]:
    for tool in ("dirname",):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "install.sh")],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_python_version_is_named_with_what_to_install(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.9", 1)
    answer = run_shell(tmp_path)
    assert answer.returncode == 1
    assert "python3 is 3.9" in answer.stderr
    assert "apt-get install python3.11 python3.11-venv" in answer.stderr


def test_a_shim_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3.11", "", 127)
    fake_python(tmp_path, "python3.12", "3.12", 0)
    answer = run_shell(tmp_path)
    assert (answer.returncode, answer.stdout.strip()) == (0, "3.12"), answer.stderr


@pytest.mark.parametrize("absent", ["venv", "ensurepip", "ssl"])
def test_a_python_without_venv_or_pip_is_told_what_to_install(
    installer: ModuleType, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    original = builtins.__import__

    def importing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == absent:
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(installer.InstallError, match=rf"no module '{absent}'.*apt-get install python3\.1[12]"):
        installer.check_interpreter()


def test_installed_means_the_same_inputs_and_an_interpreter(installer: ModuleType, tmp_path: Path) -> None:
    stamp = installer.wanted_stamp()
    assert not installer.is_installed(stamp)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    installer.STAMP.write_text(stamp + "\n")
    assert not installer.is_installed(stamp), "the interpreter is missing"
    (tmp_path / ".venv" / "bin" / "python").touch()
    assert installer.is_installed(stamp)
    (tmp_path / "requirements" / "all.txt").write_text("another lock")
    assert not installer.is_installed(installer.wanted_stamp())


def test_a_half_finished_environment_is_made_anew(installer: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(os.path.realpath("/proc/self/exe"))
    assert installer.venv_is_reusable()
    installer.UNFINISHED.write_text("")
    assert not installer.venv_is_reusable()


@pytest.mark.parametrize("home", [None, "/", "/nonexistent"])
def test_without_a_usable_home_the_caches_lie_in_the_project(
    installer: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert installer.base_environment()["UV_CACHE_DIR"].startswith(str(tmp_path))


def test_the_locks_hold_hashes_and_no_address() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        lines = path.read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-")]
        pins = [number for number, line in enumerate(lines) if "==" in line and not line.startswith((" ", "#"))]
        assert pins
        assert all("--hash=sha256:" in lines[number + 1] for number in pins)
