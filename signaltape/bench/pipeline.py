"""The whole pipeline with persistence: bars into the log, until every row is stored and nothing waits anywhere."""

import time
from typing import Any

from infra.warehouse import connect
from infra.warehouse.queries import queries
from signaltape.demo.console import Console
from signaltape.demo.live import publish_part
from signaltape.demo.parts import Part
from signaltape.demo.scene import Scene
from signaltape.draining import waiting

_DEADLINE_S = 300.0
_TABLES = ("bars", "features", "predictions", "signals")


def run(active: Scene, part: Part, console: Console) -> dict[str, Any]:
    """Publish ``part`` as fast as it goes and return bars/s and rows/s from the first bar to the last effect."""
    with connect(active.settings, name="signaltape-bench") as connection:
        before = _rows(connection)
        begun = time.perf_counter()
        with console.step(f"publishing {part.bars:,} bars through everything"):
            published = publish_part(active.settings, part, console)
            until = time.monotonic() + _DEADLINE_S
            while state := list(waiting(active.settings, connection)):
                console.say(", ".join(f"{count:,} messages before {stage}" for stage, count in state))
                if time.monotonic() > until:
                    raise TimeoutError(f"the pipeline did not drain in {_DEADLINE_S:g} s: {state}")
                time.sleep(0.02)
        spent = time.perf_counter() - begun
        rows = _rows(connection) - before
    return {
        "bars": published,
        "rows": rows,
        "seconds": round(spent, 2),
        "bars_per_second": round(published / spent),
        "rows_per_second": round(rows / spent),
    }


def _rows(connection: Any) -> int:
    named = queries("demo_figures")
    tables = sum(connection.execute(named[name]).fetchone()[0] for name in _TABLES)
    returns = connection.execute(named["return_rows"]).fetchone()[0]
    return int(tables + returns)
