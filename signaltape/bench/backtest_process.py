"""A whole backtest in a process of its own, so that its memory and its processor time are its own.

`python -m signaltape.bench.backtest_process` reads its task from standard input and prints its figures, both JSON.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.errors import OperatorError


def run(task: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run one backtest: ``model``, ``out``, and ``file`` or (from the store) ``start`` and ``end`` (ns UTC).

    Returns bars, bar times, signals, fills, rates and the highest resident memory (MB). Raises OperatorError.
    """
    done = subprocess.run(
        [sys.executable, "-m", "signaltape.bench.backtest_process"],
        input=json.dumps(dict(task)), env=None if environment is None else dict(environment),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OperatorError(f"a backtest of the benchmark failed: {done.stderr.strip()[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def peak_mb(status: str) -> float:
    """Highest resident memory in a process's /proc status. The resource module's figure begins with its parent's."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise OperatorError("/proc/self/status has no VmHWM: peak memory can't be measured here")
    return round(int(found[1]) / 1024, 1)


def _main() -> None:
    import pyarrow as pa

    from infra.settings import load_settings
    from producers.bar_source import BarFile
    from signaltape.backtest import BacktestRequest, Choice, backtest

    task = json.load(sys.stdin)
    source: str | BarFile = "store"
    if "file" in task:
        source = BarFile(path=Path(task["file"]), interval="1m", stamp="close")
    request = BacktestRequest(
        choice=Choice(model=task["model"]), out=Path(task["out"]), source=source,
        start=task.get("start"), end=task.get("end"),
    )  # fmt: skip
    settings = load_settings()
    pa.array([0.0])  # where pandas is installed, pyarrow loads it with its first array: start-up, as the baselines'
    begun, worked = time.perf_counter(), time.process_time()
    made = backtest(settings, request)
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    counts = made.counts
    bars = counts.bars + counts.lead_in
    found = {
        "bars": bars,
        "bar_times": counts.bar_times,
        "signals": counts.signals,
        "fills": counts.fills,
        "seconds": round(seconds, 2),
        "bars_per_second": round(bars / seconds),
        "bars_per_cpu_second": round(bars / worked),
        "peak_mb": peak_mb(Path("/proc/self/status").read_text(encoding="utf-8")),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    _main()
