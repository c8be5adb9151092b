"""The services: name → where each one runs. Loaded only when it is started."""

import importlib
from collections.abc import Callable
from types import MappingProxyType

from infra.errors import OperatorError
from infra.settings import Settings

#: Start order; they are stopped in the same one, so that what flows in ends first.
SERVICES = MappingProxyType(
    {
        "store": "consumers.store.main",
        "responder": "consumers.responder.main",
        "drift": "consumers.drift_agent.main",
        "inference": "consumers.inference.main",
        "features": "consumers.feature_agent.main",
        "ingest": "consumers.ingest.main",
        "api": "signaltape.http.main",
        "daily": "signaltape.daily.service",
        "monitor": "signaltape.monitor.service",
    }
)
#: Those that bars flow through.
PIPELINE = tuple(name for name in SERVICES if name not in ("api", "daily", "monitor"))
#: Services that keep records and statistics: what they do may come a moment later.
YIELDING = frozenset({"store", "responder", "drift", "daily", "monitor"})


class UnknownServiceError(OperatorError):
    """No such service; the message names those that exist."""

    exit_code = 2


def entry_point(name: str) -> Callable[[Settings, int], int]:
    """Return the function that runs a service until it is told to stop, and gives its exit code."""
    if name not in SERVICES:
        raise UnknownServiceError(f"service {name!r} is not known; use one of {', '.join(SERVICES)}, or all")
    run: Callable[[Settings, int], int] = importlib.import_module(SERVICES[name]).run
    return run
