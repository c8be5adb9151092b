"""Why a backtest is refused."""

from infra.errors import OperatorError


class BacktestRefused(OperatorError):
    """What was asked for can't be simulated truly; the message names the thing and what to do."""


class BacktestUsageError(BacktestRefused):
    """What was asked for can't be meant."""

    exit_code = 2
