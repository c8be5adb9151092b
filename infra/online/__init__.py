"""The online store: the newest vectors and signals in Redis, and how they are compared with the warehouse."""

from infra.online.errors import OnlineRestarted, OnlineUnavailable
from infra.online.signals import SignalCache
from infra.online.store import OnlineStore

__all__ = ["OnlineRestarted", "OnlineStore", "OnlineUnavailable", "SignalCache"]
