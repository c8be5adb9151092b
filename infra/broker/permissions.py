"""What a Kafka user may not do, said so that it can be mended."""

from confluent_kafka import KafkaError

from infra.broker.errors import BrokerError

#: The broker refuses this user something: asking again changes nothing.
NOT_PERMITTED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


class NotPermitted(BrokerError):
    """The broker refuses this Kafka user something that the process needs."""


def is_final(error: KafkaError) -> bool:
    """True for what does not pass: the user may not, the offset to read from is gone, or the client has ended."""
    lost = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
    return bool(error.fatal()) or error.code() in lost or error.code() in NOT_PERMITTED


def reason_of(error: KafkaError) -> str:
    """An error's text, with what to do where the user may not."""
    if error.code() not in NOT_PERMITTED:
        return str(error.str())
    return f"{error.str()}: this Kafka user may not do it; `signaltape acls` prints what each role needs"


def refuse_unpermitted(error: KafkaError, what: str) -> None:
    """Raise ``NotPermitted`` if ``error`` says so; ``what``: the topic or group that it was about."""
    if error.code() in NOT_PERMITTED:
        raise NotPermitted(f"{what}: {reason_of(error)}")
