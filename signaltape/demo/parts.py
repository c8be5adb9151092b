"""What the demonstration runs: which bars, which of them train the first model, which are published."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.errors import OperatorError
from producers.bar_files import read_bars
from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate, simulate_burst
from producers.splits import apply_splits, read_splits
from producers.timestamps import parse_time
from schemas.intervals import MINUTE

DATA = Path(__file__).resolve().parents[1] / "data"
_DAILY_SPLIT = "2012-01-01T00:00:00Z"
#: Fewer training bars than this can't carry a first model.
_FEWEST_TRAINING_BARS = 400


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stretch:
    """Bars of one interval: the earlier ones train a model, the later ones are published.

    ``horizon`` (bars) is the model's. It serves from ``effective_from`` (ns UTC) on, in the place of one before it.
    """

    strategy: str
    model: str
    training: BarTable
    live: BarTable
    horizon: int = 5
    effective_from: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChange:
    """When a strategy's second model, of ``family``, shadows the first one, takes its place and gives it back.

    Each is the close (ns UTC) of the first one-minute bar that it holds for. The shadow goes on after the rollback.
    """

    strategy: str
    family: str
    shadow_from: int
    promote_from: int
    rollback_from: int

    @property
    def shadow_bars(self) -> int:
        """Bars that the second model answers as a shadow before it is promoted."""
        return (self.promote_from - self.shadow_from) // MINUTE


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What goes wrong in a part's first stretch, from the bars that close at ``begins`` (ns UTC) on, in words."""

    begins: int
    what: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Part:
    """One part of the demonstration. ``origin`` is what the report says of it: real or simulated, and from where.

    ``section_every_s`` paces it: seconds of wall clock between two closes; 0 publishes as fast as it goes.
    Directions are emitted when they change; between ``every_bar_from`` and ``every_bar_to`` (ns UTC) on every bar, so
    that the dedup window has something to hold back. After the last bar of the first stretch, one of its bars is
    corrected and a split arrives, if ``arrivals`` says so. ``change``: a strategy whose model is changed on the way.
    ``fault``: what was planted into its bars, and has to be found.
    """

    name: str
    origin: str
    feed: str
    stretches: Sequence[Stretch]
    section_every_s: float = 0.0
    every_bar_from: int | None = None
    every_bar_to: int | None = None
    arrivals: bool = False
    change: ModelChange | None = None
    fault: Fault | None = None

    @property
    def bars(self) -> int:
        """Number of bars that are published."""
        return sum(len(stretch.live) for stretch in self.stretches)


def sample_part() -> Part:
    """Return the real daily bars: up to the end of 2011 for training, from then on live."""
    path = DATA / "us_equities_1d.parquet"
    wanted = (DATA / "us_equities_1d.parquet.sha256").read_text().split()[0]
    if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
        raise OperatorError(f"{path} is not the file that was shipped (its SHA-256 differs); restore it")
    splits = read_splits(DATA / "us_equities_1d_splits.csv")
    table = apply_splits(read_bars(path, "1d", "close"), splits)
    border = parse_time(_DAILY_SPLIT)
    stretch = Stretch(
        strategy="daily", model="daily", training=table.between(end=border), live=table.between(start=border)
    )
    return Part(
        name="daily",
        origin="REAL daily bars of 5 US equities, 2012 to 2013, splits applied at import",
        feed="us-equities-1d",
        stretches=(stretch,),
    )


def simulated_part(symbols: int, seed: int, section_every_s: float) -> Part:
    """Return a simulated market: one session for training, the next live, with a stretch of one-second bars."""
    config = MarketConfig(symbols=symbols, sessions=2, seed=seed)
    minutes, seconds = simulate(config), simulate_burst(config, seconds=120)
    stretches = [
        Stretch(strategy=strategy, model=strategy, training=table.between(end=border), live=table.between(start=border))
        for strategy, table in (("intraday", minutes), ("burst", seconds))
        for border in (_last_session(table),)
    ]
    return Part(
        name="session",
        origin=f"SIMULATED session of {symbols} symbols (seed {seed}): one-minute bars, two minutes of one-second bars",
        feed="simulation",
        stretches=stretches,
        section_every_s=section_every_s,
        every_bar_from=int(stretches[1].live.event_time.min()) - 1,
        every_bar_to=int(stretches[1].live.event_time.max()) + 1,
        arrivals=True,
        change=_change(int(stretches[0].live.event_time.min()) - MINUTE),
    )


def _change(opening: int) -> ModelChange:
    """The change of the minute bars' model: at 16:00, 18:00 and 20:00 of a session that opens at 14:30."""
    return ModelChange(
        strategy="intraday",
        family="lightgbm",
        shadow_from=opening + 90 * MINUTE,
        promote_from=opening + 210 * MINUTE,
        rollback_from=opening + 330 * MINUTE,
    )


def file_part(path: Path, interval: str, stamp: str) -> Part:
    """Return the bars of somebody's file: the earlier 60 % of its time span for training, the rest live."""
    table = read_bars(path, interval, stamp)
    first, last = int(table.event_time.min()), int(table.event_time.max())
    border = first + (last - first) * 6 // 10
    training, live = table.between(end=border), table.between(start=border)
    if len(training) < _FEWEST_TRAINING_BARS or len(live) == 0:
        raise OperatorError(
            f"{path}: {len(training)} bars in the first 60 % of its time are too few to train on"
            f" (at least {_FEWEST_TRAINING_BARS}); give a longer file"
        )
    stretch = Stretch(strategy="file", model="file", training=training, live=live)
    return Part(name="file", origin=f"bars of {path.name}, {interval}", feed=path.stem, stretches=(stretch,))


def _last_session(table: BarTable) -> int:
    """Return the time just before the last session's first bar."""
    day = np.int64(86_400_000_000_000)
    sessions = (table.event_time - 1) // day
    return int(table.event_time[sessions == sessions.max()].min()) - 1
