"""The files that are written at the end: positions, report, and the result last, by which the rest is complete."""

import json

from infra.scoring.files import write_atomically
from signaltape.backtest.columns import POSITIONS, position_columns
from signaltape.backtest.document import document
from signaltape.backtest.prices import PriceSample
from signaltape.backtest.report import report_page
from signaltape.backtest.result import Backtest
from signaltape.backtest.shown_symbols import shown_symbols
from signaltape.backtest.spool import Spool


def write_summaries(found: Backtest, prices: PriceSample) -> None:
    """Write ``positions.parquet``, ``report.html`` and ``result.json`` beside the files that grew."""
    with Spool(found.folder / "positions.parquet", POSITIONS, position_columns) as spool:
        spool.add(found.positions, len(found.positions))
    write_atomically(found.folder / "report.html", report_page(found, shown_symbols(found, prices)))
    write_atomically(
        found.folder / "result.json", (json.dumps(document(found), indent=1, allow_nan=False) + "\n").encode()
    )
