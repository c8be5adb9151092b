"""Failures of the broker's clients."""

from infra.errors import OperatorError


class BrokerError(OperatorError):
    """Kafka refused or didn't answer; the message says what and what to do."""


class PublishError(BrokerError):
    """Messages were not acknowledged: nothing after them may be taken as done."""


class TopicError(BrokerError):
    """A topic is missing, or is not what the settings say."""


class ReadingLate(BrokerError):
    """A topic could not be read to its end in the time that was given."""
