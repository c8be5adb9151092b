"""A file of bars, and the market that is in it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.intervals import MINUTE
from tests.support.engine_log import market

MARKET = market(6, 50, 3)
BASE = 28_401_120 * MINUTE  # 2024-01-01


def stamps(at: int) -> dict[str, int]:
    time = BASE + (at + 1) * MINUTE
    return {"event_time": time, "available_time": time}


def bar_file(folder: Path, ending: str, factor: float = 1.0) -> Path:
    at, place = np.nonzero(MARKET.present)
    columns = {
        "symbol": [MARKET.symbols[one] for one in place],
        "ts": BASE + (at + 1) * MINUTE,
        **{name: getattr(MARKET, name)[at, place] * factor for name in ("open", "high", "low", "close", "volume")},
    }
    path = folder / f"bars.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table(columns), path)
    else:
        rows = zip(*columns.values(), strict=True)
        path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path
