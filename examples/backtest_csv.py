"""From a raw CSV of bars to a report: train on the older bars, trade the newest ones, which the model never saw.

python examples/backtest_csv.py bars.csv --interval 1m --stamp close --out result
"""

import argparse
from pathlib import Path

from infra.settings import load_settings
from producers.bar_files import read_bars
from signaltape.backtest import BacktestRequest, BarFile, Choice, TradingOptions, backtest, summary
from signaltape.training import TrainOptions, train

parser = argparse.ArgumentParser()
parser.add_argument("bars", type=Path)
parser.add_argument("--interval", required=True)
parser.add_argument("--stamp", required=True, choices=("open", "close"))
parser.add_argument("--out", type=Path, required=True)
given = parser.parse_args()

model = train(read_bars(given.bars, given.interval, given.stamp), TrainOptions(name="example"), given.out / "model")
found = backtest(
    load_settings(),
    BacktestRequest(
        choice=Choice(model=str(model.folder)),
        source=BarFile(path=given.bars, interval=given.interval, stamp=given.stamp),
        start=model.manifest.training["first_test_time"],
        trading=TradingOptions(capital=100_000, commission_bps=0.5, slippage_bps=0.5),
        out=given.out / "backtest",
    ),
)
print(summary(found))
