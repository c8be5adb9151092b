"""Other backtesters over the same bars, each in a process of the environment that `make baselines` makes."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from infra.errors import OperatorError

ROOT = Path(__file__).resolve().parents[2]
#: Name of a figure → what runs it, in ``benchmarks/``.
RUNS = {
    "nautilus_bars": ("nautilus_bars.py", "bars"),
    "nautilus_features": ("nautilus_bars.py", "features"),
    "nautilus_indicators": ("nautilus_bars.py", "indicators"),
    "backtesting_short": ("backtesting_runs.py", "short"),
    "backtesting_long": ("backtesting_runs.py", "long"),
}


def absent(root: Path = ROOT) -> str | None:
    """Why there are no baselines here and what to do, None where they are there."""
    if not (root / "benchmarks").is_dir():
        return "no baselines: they are run from a checkout of the source (folder benchmarks)"
    if not (root / ".cache" / "bench" / "signaltape-installed").is_file():
        return "no baselines: `make baselines` installs them (NautilusTrader, backtesting.py; 650 MB)"
    return None


def run(name: str, bars: Path, root: Path = ROOT) -> dict[str, Any]:
    """Run one of ``RUNS`` over a Parquet file of bars. Raises OperatorError with what it said."""
    script, mode = RUNS[name]
    python, program = root / ".cache" / "bench" / "bin" / "python", root / "benchmarks" / script
    command = [str(python), "-W", "ignore", str(program), str(bars), mode]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONPATH")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError(f"baseline {name} failed: {done.stderr.strip()[-2_000:]}")
    return rates(json.loads(done.stdout.strip().rpartition("\n")[2]))


def rates(found: dict[str, Any]) -> dict[str, Any]:
    """Figures of a baseline with its rates."""
    return found | {
        "seconds": round(found["seconds"], 2),
        "cpu_seconds": round(found["cpu_seconds"], 2),
        "bars_per_second": round(found["bars"] / found["seconds"]),
        "bars_per_cpu_second": round(found["bars"] / found["cpu_seconds"]),
    }
