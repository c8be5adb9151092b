"""Picking and checking TCP ports on the loopback interface."""

import random
import socket

from infra.stack.errors import StackError

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range (from 32768): no outgoing connection takes a port between pick and start.
LOWEST, HIGHEST = 20000, 32000


def is_free(port: int) -> bool:
    """True if a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """True if something accepts connections on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_ports(count: int, avoid: frozenset[int] = frozenset()) -> list[int]:
    """`count` different ports that are free now, none of them in `avoid`."""
    picked: list[int] = []
    # Unseeded on purpose: two stacks that start at the same time must not try the same ports.
    for port in random.SystemRandom().sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST):
        if len(picked) == count:
            return picked
        if port not in avoid and is_free(port):
            picked.append(port)
    if len(picked) < count:
        raise StackError("ports", f"no {count} free ports between {LOWEST} and {HIGHEST} on {LOOPBACK}")
    return picked


def require_free(server: str, port: int) -> None:
    """Raise StackError if `port` is taken, before a server says so in its own words."""
    if not is_free(port):
        raise StackError(
            server,
            f"port {port} on {LOOPBACK} is taken by another program; choose another one with"
            f" SIGNALTAPE_STACK__{server.upper()}_PORT or `signaltape up --{server}-port` (0: any free one)",
        )
