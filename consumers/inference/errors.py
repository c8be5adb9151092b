"""What stops the inference consumer."""

from confluent_kafka import KafkaError

from infra.broker.config import MEMBER_FENCED
from infra.broker.errors import BrokerError
from infra.broker.permissions import refuse_unpermitted
from infra.errors import OperatorError
from infra.telemetry.logs import get_logger

REPAIR = "signaltape repair --service inference"


class CommitRefused(OperatorError):
    """An offset commit can't be continued from; the message says why and names the repair command."""


class Fenced(OperatorError):
    """Another process runs under this instance's transactional id."""


class OffsetsExpired(OperatorError):
    """The committed offset isn't in the topic any more: going on would lose or repeat signals."""


class ChainBroken(OperatorError):
    """The chain in ``features`` has a hole."""


class RoundAborted(Exception):
    """A transaction was aborted: nothing of the round counts, and memory must be rebuilt from the last commit."""


def judge(error: KafkaError, topic: str) -> None:
    """Raise what an error event of the consumer of ``topic`` means; return if it passes by itself."""
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise OffsetsExpired(
            f"{topic}: the committed offset isn't in the topic any more ({error.str()}); the topic was "
            f"recreated, or its retention passed over this group. Run: {REPAIR}"
        )
    if error.code() in MEMBER_FENCED:
        raise Fenced(f"another process runs under this instance number: this one ends (--instance); {error.str()}")
    refuse_unpermitted(error, topic)
    if error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise BrokerError(f"{topic}: {error.str()}; run `signaltape init`, or check the prefix setting")
    get_logger().warning("kafka_error", reason=error.str())
