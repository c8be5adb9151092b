"""The local stack: real Kafka, Postgres with TimescaleDB, and Redis as child processes.

    with Stack(StackConfig(data=folder, ports=Ports.free())) as stack:
        stack.endpoints.bootstrap_servers

`Stack` composes three servers (`broker`, `database`, `keyvalue`) over one way to run a process (`process`).
"""

from infra.stack.config import Endpoints, Ports, StackConfig
from infra.stack.errors import StackError
from infra.stack.stack import Stack

__all__ = ["Endpoints", "Ports", "Stack", "StackConfig", "StackError"]
