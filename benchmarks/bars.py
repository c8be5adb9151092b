"""The bars of a Parquet file with symbol, ts (close, ns UTC), open, high, low, close, volume."""

from typing import Any

import pandas as pd
import pyarrow.parquet as pq

PRICES = ("open", "high", "low", "close")


def by_symbol(path: str) -> dict[str, Any]:
    """Return one frame a symbol, in time order, indexed by close; rows without a volume have 0."""
    table = pq.read_table(path).to_pandas()
    table["volume"] = table["volume"].fillna(0.0)
    table.index = pd.to_datetime(table.pop("ts"), utc=True)
    return {
        str(name): rows.drop(columns="symbol").sort_index() for name, rows in table.groupby("symbol", observed=True)
    }
