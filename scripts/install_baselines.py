"""Make `.cache/bench` from `requirements/bench.txt`: what `signaltape bench backtest` is measured beside.

It is an environment of its own, since its packages pin others than ours do, and none of them belongs to the product.
The stamp is written last: an installation that was interrupted is made anew.
"""

import contextlib
import fcntl
import hashlib
import sys

from install import CACHE, ROOT, InstallError, base_environment, ensure_uv, pip_settings, run, say, step

ENVIRONMENT = CACHE / "bench"
STAMP = ENVIRONMENT / "signaltape-installed"
LOCK = ROOT / "requirements" / "bench.txt"


def wanted_stamp() -> str:
    """Digest of what decides what the environment holds."""
    return hashlib.sha256(LOCK.read_bytes() + f"{sys.version_info[:2]} {ROOT}".encode()).hexdigest()


def is_installed(stamp: str) -> bool:
    """True if the environment was finished from exactly these inputs and still has its interpreter."""
    with contextlib.suppress(OSError):
        return STAMP.read_text().strip() == stamp and (ENVIRONMENT / "bin" / "python").exists()
    return False


def main() -> int:
    """Install, or find that nothing is to do; 0 on success, 1 with the reason on stderr."""
    stamp = wanted_stamp()
    try:
        with (CACHE / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_installed(stamp):
                return 0
            environment = base_environment()
            uv = str(ensure_uv(environment))
            environment.update(pip_settings(CACHE / "uv" / "bin" / "python", environment))
            run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)], environment)
            python = ["--python", str(ENVIRONMENT / "bin" / "python")]
            with step("installing the baselines of the backtest's benchmark (25 packages, 650 MB on first use)"):
                checked = ["--require-hashes", "--only-binary", ":all:", str(LOCK)]
                run([uv, "pip", "sync", "--quiet", *python, *checked], environment)
            STAMP.write_text(stamp + "\n")
    except (InstallError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next run begins anew")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
