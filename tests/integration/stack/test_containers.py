"""The second provider of the test servers."""

import pytest

from infra.stack.jars import kafka_version
from tests.support.containers import container_stack, daemon_fault, images


def test_images_are_those_of_the_compose_file_and_match_the_local_versions() -> None:
    found = images()
    assert found["kafka"] == f"apache/kafka:{kafka_version()}"
    assert found["postgres"].startswith("timescale/timescaledb:2.19.3-pg16")


@pytest.mark.needs_docker
def test_containers_answer_and_keep_their_ports_through_a_restart() -> None:
    fault = daemon_fault()
    if fault is not None:
        pytest.skip(fault)
    with container_stack() as stack:
        before = stack.endpoints
        assert before.timescale_license is not None
        for name in ("postgres", "redis", "kafka"):
            stack.kill(name)
            stack.start_server(name)
        assert stack.endpoints == before
