"""What is said where no broker lets this client in; a real one refuses in tests/integration/security."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from infra.broker.config import common_config
from infra.broker.handshake import HandshakeRefused, checked_client
from infra.settings import Settings, load_settings


def settings_of(port: int, **options: str) -> Settings:
    return load_settings(kafka={"bootstrap_servers": f"127.0.0.1:{port}", "options": {"log_level": "0", **options}})


def checked(settings: Settings) -> object:
    return checked_client(settings, common_config(settings, "test"))


@pytest.fixture
def closing() -> Iterator[int]:
    """The port of a server that ends every connection once it is spoken to, as a TLS listener does with plain text."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(1.0)
                    connection.recv(65_536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


def test_another_protocol_is_named(closing: int) -> None:
    with pytest.raises(HandshakeRefused, match=r"another security\.protocol.*SIGNALTAPE_KAFKA__OPTIONS"):
        checked(settings_of(closing))


def test_nobody_there_is_no_refusal_and_takes_no_time() -> None:
    begun = time.monotonic()
    assert checked(settings_of(1))
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"sasl.pasword": "a-secret-word"}, r"sasl\.pasword"),
        ({"security.protocol": "TLS"}, r"security\.protocol"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"}, r"ssl\.ca\.location"),
    ],
    ids=["misspelt", "no such protocol", "no such file"],
)
def test_properties_that_cannot_be_used(options: dict[str, str], word: str) -> None:
    with pytest.raises(HandshakeRefused, match=word) as caught:
        checked(settings_of(1, **options))
    assert "SIGNALTAPE_KAFKA__OPTIONS" in str(caught.value)
    assert "a-secret-word" not in str(caught.value)
