"""Ports are picked free, checked, and never given twice."""

import socket

import pytest

from infra.stack import Ports, StackError
from infra.stack.ports import free_ports, is_free, require_free


def test_picked_ports_are_different_and_free() -> None:
    ports = free_ports(8)
    assert len(set(ports)) == 8
    assert all(is_free(port) for port in ports)


def test_a_taken_port_is_named_with_the_setting_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(StackError, match=rf"redis: port {port} .*SIGNALTAPE_STACK__REDIS_PORT"):
            require_free("redis", port)


def test_zero_is_resolved_and_fixed_ports_stay() -> None:
    ports = Ports(kafka=0, controller=0, postgres=15999, redis=0).resolved()
    assert ports.postgres == 15999
    assert 0 not in (ports.kafka, ports.controller, ports.redis)


def test_two_servers_on_one_port_are_refused() -> None:
    with pytest.raises(StackError, match="cannot share"):
        Ports(kafka=19092, controller=19092).resolved()
