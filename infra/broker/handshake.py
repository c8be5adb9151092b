"""Whether a broker lets this client in: what is wrong with TLS or SASL is said at once, by the setting's name.

librdkafka goes on trying for ever, and a call ends half a minute later with no more than that it took too long.
"""

import socket
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra.broker.errors import BrokerError
from infra.settings import Settings

_VARIABLE = "kafka.options (SIGNALTAPE_KAFKA__OPTIONS)"
_SOON_S, _PATIENCE_S = 0.5, 2.0
#: A reason is heard in milliseconds; a busy machine may need seconds for the handshake that brings it.
_DIAGNOSIS_S = 10.0


class HandshakeRefused(BrokerError):
    """The broker and this client don't agree on TLS or SASL; the message names the property."""


def checked_client(settings: Settings, config: dict[str, Any]) -> AdminClient:
    """Return an admin client that the broker has let in. Raises ``HandshakeRefused``.

    Where nobody answers it is returned all the same: whether to wait is the caller's to say.
    """
    try:
        client = AdminClient(config)
    except (KafkaException, TypeError, ValueError) as error:
        raise HandshakeRefused(f"{_VARIABLE} can't be used: {_text(error)}") from None
    if _lets_in(client, _SOON_S) or not _listens(settings) or _lets_in(client, _PATIENCE_S):
        return client
    why = _diagnosis(settings, config)
    if why is not None:
        raise HandshakeRefused(why)
    return client


def _lets_in(client: AdminClient, patience_s: float) -> bool:
    try:
        client.describe_cluster(request_timeout=patience_s).result(2 * patience_s)
    except (KafkaException, TimeoutError):
        return False
    return True


def _listens(settings: Settings) -> bool:
    """True if one of the servers takes a connection at all."""
    for server in settings.kafka.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition("://")[2].rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _SOON_S).close()
        except (OSError, ValueError):
            continue
        return True
    return False


def _diagnosis(settings: Settings, config: dict[str, Any]) -> str | None:
    """Connect once more and listen to what librdkafka says of it: only its log names some of the reasons.

    None where the broker lets the client in after all, or says nothing that tells why it doesn't.
    """
    said: list[str] = []
    heard: list[KafkaError] = []
    listening: dict[str, Any] = {**config, "error_cb": heard.append, "logger": _Log(said), "log_level": 6}
    client = AdminClient(listening)
    answer = client.describe_cluster(request_timeout=_DIAGNOSIS_S)
    end = time.monotonic() + _DIAGNOSIS_S
    while time.monotonic() < end and not (answer.done() and answer.exception() is None):
        client.poll(0.05)
        hints = [text for text in said if _is_hint(text)]
        known = [(one.code(), one.str()) for one in heard if not _is_hint(one.str())]
        for code, text in [*known, *((None, text) for text in hints[1:])]:
            if (why := _why(code, text, settings)) is not None:
                return why
    return None


class _Log:
    """What librdkafka calls in place of a logger."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def log(self, _: int, form: str, *values: object) -> None:
        self._said.append(form % values)


def _why(code: int | None, said: str, settings: Settings) -> str | None:
    """What a line about a connection means, None for one that passes or says nothing of TLS and SASL."""
    where, text = settings.kafka.bootstrap_servers, _without_password(said, settings)
    if code == KafkaError._AUTHENTICATION:
        return (
            f"the broker at {where} refuses this user: check sasl.username, sasl.password and sasl.mechanism in "
            f"{_VARIABLE} ({text})"
        )
    if code == KafkaError._SSL:
        return (
            f"no TLS with the broker at {where}: check ssl.ca.location (who signed its certificate) and the host name "
            f"in kafka.bootstrap_servers; both are in the settings, ssl.… in {_VARIABLE} ({text})"
        )
    if _is_hint(text):
        return (
            f"the broker at {where} closes each connection at its first request: it expects another security.protocol, "
            f"set in {_VARIABLE}, or is not there yet ({text})"
        )
    return None


def _is_hint(text: str) -> bool:
    """True for what a TLS listener does when it is spoken to in plain text; once, a broker that ends does it too."""
    return "security.protocol" in text or ("Disconnected" in text and "APIVERSION_QUERY" in text)


def _without_password(text: str, settings: Settings) -> str:
    for name, value in settings.kafka.options.items():
        if value and ("password" in name or name.endswith((".pem", ".key"))):
            text = text.replace(value, "********")
    return text


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return str(first.str() if isinstance(first, KafkaError) else first)
