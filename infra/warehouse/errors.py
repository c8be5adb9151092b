"""What can go wrong between a service and the warehouse."""

from infra.errors import OperatorError


class WarehouseError(OperatorError):
    """The warehouse refuses something; the message names it and says what to do."""


class WarehouseUnavailable(WarehouseError):
    """Postgres does not answer. Nothing is known about a transaction that was under way: call again to find out."""


class MigrationError(WarehouseError):
    """The schema cannot be brought to the version that this program needs."""


class StaleEpoch(WarehouseError):
    """Another process has taken the partition since: this one must stop writing at once."""


class MissingCheckpoint(WarehouseError):
    """A service has no checkpoint for a partition: `signaltape init` was not run for it."""


class TopicMismatch(WarehouseError):
    """A checkpoint does not belong to the topic as it is now: recreated, expired, or the database was restored."""
