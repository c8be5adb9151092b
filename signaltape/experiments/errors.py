"""What keeps an experiment from being started, stopped or reported."""

from infra.errors import OperatorError


class ExperimentRefused(OperatorError):
    """An experiment can't be started or stopped as asked; nothing was written."""


class UnknownExperiment(OperatorError):
    """No experiment of that name was ever started, or nothing was stored of it yet."""
