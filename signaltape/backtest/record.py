"""What a report needs of a backtest, gathered while it runs."""

from pipeline.drift.sharpe import DAYS_A_YEAR
from pipeline.trading.performance import Performance
from pipeline.trading.results import Stepped
from pipeline.trading.section import scores_of
from signaltape.backtest.prices import PriceSample
from signaltape.backtest.sampling import EquitySample
from signaltape.backtest.sections import BarTime


class Record:
    """Figures, and samples for the plots. Memory grows by a line for each session day."""

    def __init__(self, capital: float, *, sessions_a_year: int = DAYS_A_YEAR) -> None:
        self.performance = Performance(capital, periods=sessions_a_year)
        self.equity = EquitySample(capital)
        self.prices = PriceSample()

    def add(self, at: BarTime, stepped: Stepped) -> None:
        """Take a bar time and what the account made of it."""
        self.performance.add(at.section, stepped, scores_of(at.predictions))
        self.equity.add(stepped)
        self.prices.add(at.section)
