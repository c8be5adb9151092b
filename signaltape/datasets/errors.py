"""Why a dataset is not built, not read or not what it says."""

from infra.errors import OperatorError


class DatasetError(OperatorError):
    """A dataset can't be made or used; the message names what is wrong and says what to do."""
