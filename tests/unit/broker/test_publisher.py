"""What is fatal for a producer comes out of the call that serves its reports, as it was seen on a broker with ACLs."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.broker.errors import PublishError
from infra.broker.publisher import Publisher
from infra.settings import load_settings

FATAL = KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no idempotence", fatal=True))


class Refused:
    """A producer that the broker refuses as a whole; ``within``: a report was served together with it."""

    def __init__(self, *, within: bool) -> None:
        self._within = within

    def purge(self) -> None:
        """Nothing waits."""

    def flush(self, _: float) -> int:
        if self._within:
            raise SystemError("<method 'topic'> returned a result with an exception set") from FATAL
        raise FATAL


@pytest.mark.parametrize("within", [False, True], ids=["by itself", "within a report"])
def test_a_producer_that_is_refused_as_a_whole_says_so(monkeypatch: pytest.MonkeyPatch, *, within: bool) -> None:
    settings = load_settings(kafka={"bootstrap_servers": "127.0.0.1:1", "options": {"log_level": "0"}})
    publisher = Publisher(settings, "test")
    monkeypatch.setattr(publisher, "_producer", Refused(within=within))
    for _ in range(2):  # and again: it is poisoned
        with pytest.raises(PublishError, match=r"no idempotence.*signaltape acls"):
            publisher.flush_acknowledged(1.0)


def test_another_fault_of_the_library_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(kafka={"bootstrap_servers": "127.0.0.1:1", "options": {"log_level": "0"}})
    publisher = Publisher(settings, "test")

    def broken(_: float) -> int:
        raise SystemError("something else")

    monkeypatch.setattr(publisher, "_producer", type("Broken", (), {"flush": staticmethod(broken)}))
    with pytest.raises(SystemError, match="something else"):
        publisher.flush_acknowledged(1.0)
