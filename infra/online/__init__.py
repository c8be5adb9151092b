"""The online store: the newest vectors in Redis, and how they are compared with the warehouse."""

from infra.online.errors import OnlineRestarted, OnlineUnavailable
from infra.online.store import OnlineStore

__all__ = ["OnlineRestarted", "OnlineStore", "OnlineUnavailable"]
