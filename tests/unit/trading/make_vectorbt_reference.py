"""Make vectorbt_reference.json: run this in an environment with vectorbt, from the root of the repository.

vectorbt is no dependency of the tests: importing and compiling it takes most of a minute, and it brings forty packages.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt

sys.path.insert(0, ".")
from tests.support.trading_market import NONE, market

WEIGHT, COMMISSION_BPS, SLIPPAGE_BPS, CAPITAL = 0.2, 7.0, 3.0, 1_000_000.0


def main() -> None:
    drawn = market(7, bars=120, symbols=5)
    asked = np.where(drawn.direction == NONE, np.nan, drawn.direction * WEIGHT)
    nothing = np.full((1, len(drawn.symbols)), np.nan)
    orders = np.vstack([nothing, asked[:-1]])  # an order acts one bar after its signal …
    decided = np.vstack([drawn.open[:1], drawn.close[:-1]])  # … and is sized on the close of its signal
    equity = {}
    for fill, price in (("next_open", drawn.open), ("next_close", drawn.close)):
        portfolio = vectorbt.Portfolio.from_orders(
            pd.DataFrame(drawn.close),
            size=pd.DataFrame(orders),
            size_type="targetpercent",
            price=pd.DataFrame(price),
            val_price=pd.DataFrame(decided),
            fees=COMMISSION_BPS / 10_000,
            slippage=SLIPPAGE_BPS / 10_000,
            init_cash=CAPITAL,
            cash_sharing=True,
            group_by=True,
            freq="1min",
        )
        equity[fill] = portfolio.value().tolist()
    found = {
        "made_with": f"vectorbt {vectorbt.__version__}, numpy {np.__version__}",
        "weight": WEIGHT,
        "commission_bps": COMMISSION_BPS,
        "slippage_bps": SLIPPAGE_BPS,
        "capital": CAPITAL,
        "symbols": list(drawn.symbols),
        "open": drawn.open.tolist(),
        "close": drawn.close.tolist(),
        "direction": drawn.direction.tolist(),
        "equity": equity,
    }
    target = Path(__file__).with_name("vectorbt_reference.json")
    target.write_text(json.dumps(found).replace("], [", "],\n[") + "\n")


if __name__ == "__main__":
    main()
