"""Does a broker answer at all? Asked once by commands that can do without one, before they wait for each answer."""

from confluent_kafka import KafkaException

from infra.broker.config import common_config
from infra.broker.errors import BrokerError
from infra.broker.handshake import checked_client
from infra.settings import Settings


def require_broker(settings: Settings, deadline_s: float = 3.0) -> None:
    """Raise ``BrokerError`` if none answers, or lets this client in, within ``deadline_s`` seconds."""
    client = checked_client(settings, {**common_config(settings, "probe"), "log_level": 0})
    try:
        client.list_topics(timeout=deadline_s)
    except KafkaException as error:
        servers = settings.kafka.bootstrap_servers
        raise BrokerError(f"no broker answers at {servers} ({error.args[0].str()}); `signaltape status`") from error
