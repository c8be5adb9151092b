"""Make `.venv` from the locked requirements, with uv, or find that it is already right.

Runs on a bare Python 3.11 or 3.12 with venv, and nothing else. Steps:

1. Leave at once if the stamp in `.venv` equals the digest of what it would be made from.
2. Take the installation lock: two `make` at once wait for each other.
3. Put uv, pinned by hash, into a small environment of its own below `.cache/`.
4. Make `.venv` anew if it is missing, of another Python, or was left half-finished.
5. Sync it to `requirements/all.txt` (hashes required), install the project itself in place.
6. Write the stamp, last: whatever is interrupted before it is redone by the next run.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
TOOLS = CACHE / "uv"
STAMP = VENV / "signaltape-installed"
UNFINISHED = VENV / "signaltape-unfinished"
INPUTS = ("requirements/all.txt", "requirements/bootstrap.txt", "pyproject.toml", "scripts/install.py")


class InstallError(Exception):
    """The environment cannot be made; the message says what to do."""


def wanted_stamp() -> str:
    """Digest of everything that decides what `.venv` holds, with the interpreter and the place."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes() + b"\0")
    digest.update(f"{sys.version_info[:2]} {ROOT}".encode())
    return digest.hexdigest()


def is_installed(stamp: str) -> bool:
    """True if `.venv` was finished from exactly these inputs and still has its interpreter."""
    try:
        return STAMP.read_text().strip() == stamp and (VENV / "bin" / "python").exists()
    except OSError:
        return False


def say(text: str) -> None:
    """Print progress to stderr: stdout belongs to the command that follows."""
    print(f"install: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step, say every five seconds that it still runs, and how long it took."""
    say(f"{text} ...")
    begun, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(5.0):
            say(f"  still {text.split(' (')[0]}, {time.monotonic() - begun:.0f} s")

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
    say(f"  done in {time.monotonic() - begun:.1f} s")


def check_interpreter() -> None:
    """Raise InstallError if this Python is of a wrong version or cannot make an environment with pip."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise InstallError(f"Python 3.11 or 3.12 is needed, {sys.executable} is {version}")
    for module in ("venv", "ensurepip", "ssl"):
        try:
            __import__(module)
        except ImportError:
            raise InstallError(
                f"{sys.executable} (Python {version}) has no module {module!r}, so it cannot make an environment"
                f" with pip. On Debian and Ubuntu: apt-get install python{version} python{version}-venv;"
                " then, if another Python is first on PATH: make install PYTHON=/usr/bin/python" + version
            ) from None


def run(command: list[str], environment: dict[str, str], quiet: bool = False) -> None:
    """Run one command; its output stays on stderr, or is kept and shown only if it fails when `quiet`."""
    sink = subprocess.PIPE if quiet else sys.stderr
    result = subprocess.run(
        command, env=environment, stdout=sink, stderr=subprocess.STDOUT if quiet else None, text=True, check=False
    )
    if result.returncode != 0:
        output = f"\n{result.stdout}" if quiet else ""
        raise InstallError(f"{' '.join(command)} ended with {result.returncode}{output}")


def base_environment() -> dict[str, str]:
    """The environment for pip and uv: ours, with cache folders that exist and can be written."""
    environment = {
        key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    }
    home = environment.get("HOME", "")
    home_is_usable = home not in {"", "/"} and os.access(home, os.W_OK)
    if "UV_CACHE_DIR" not in environment and "XDG_CACHE_HOME" not in environment and not home_is_usable:
        environment["UV_CACHE_DIR"] = str(CACHE / "packages")
        environment["PIP_CACHE_DIR"] = str(CACHE / "packages-pip")
    environment["UV_NO_CONFIG"] = "1"
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    return environment


def pip_settings(python: Path, environment: dict[str, str]) -> dict[str, str]:
    """What pip is configured with (an own index, a certificate), as uv's variables: uv does not read pip's files."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "config", "list"], env=environment, capture_output=True, text=True, check=False
    ).stdout
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    found: dict[str, str] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        target = names.get(key.rpartition(".")[2])
        if target and target not in environment and "UV_INDEX_URL" not in environment:
            found[target] = value.strip("'\"")
    return found


def ensure_uv(environment: dict[str, str]) -> Path:
    """Path of the pinned uv, installed by hash into its own environment if it is not there yet."""
    pin = (ROOT / "requirements" / "bootstrap.txt").read_bytes() + str(ROOT).encode()
    stamp, uv = TOOLS / "stamp", TOOLS / "bin" / "uv"
    wanted = hashlib.sha256(pin).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and uv.exists() and (TOOLS / "bin" / "python").exists():
        return uv
    with step("installing uv"):
        shutil.rmtree(TOOLS, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(TOOLS)], environment, quiet=True)
        requirements = str(ROOT / "requirements" / "bootstrap.txt")
        pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "install", "--quiet", "--require-hashes", "-r", requirements], environment, quiet=True)
        stamp.write_text(wanted)
    return uv


def venv_is_reusable() -> bool:
    """True if `.venv` has a working interpreter of this version and was not left half-finished."""
    python = VENV / "bin" / "python"
    if UNFINISHED.exists() or not python.exists():
        return False
    probe = "import sys; print(sys.version_info[:2])"
    answer = subprocess.run([str(python), "-c", probe], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == str(tuple(sys.version_info[:2]))


def synchronise(uv: Path, environment: dict[str, str]) -> None:
    """Bring `.venv` to the lock and install the project in place."""
    if not venv_is_reusable():
        run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], environment)
    UNFINISHED.write_text("an installation was interrupted here; the next one starts afresh\n")
    STAMP.unlink(missing_ok=True)
    python = ["--python", str(VENV / "bin" / "python")]
    with step("installing the locked packages (140 packages, 1.5 GB on first use)"):
        lock = str(ROOT / "requirements" / "all.txt")
        run([str(uv), "pip", "sync", *python, "--require-hashes", "--only-binary", ":all:", lock], environment)
        here = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        run([str(uv), "pip", "install", "--quiet", *python, *here], environment)


def main() -> int:
    """Install, or find that nothing is to do; 0 on success, 1 with the reason on stderr."""
    stamp = wanted_stamp()
    if is_installed(stamp):
        return 0
    try:
        check_interpreter()
        CACHE.mkdir(exist_ok=True)
        with (CACHE / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_installed(stamp):
                return 0
            environment = base_environment()
            uv = ensure_uv(environment)
            environment.update(pip_settings(TOOLS / "bin" / "python", environment))
            synchronise(uv, environment)
            STAMP.write_text(stamp + "\n")
            UNFINISHED.unlink()
    except (InstallError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next run goes on from here")
        return 130
    say("ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
