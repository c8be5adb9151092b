"""Structured logs on stderr: one JSON object a line, or readable text on a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from infra.masking import masked_value
from infra.settings import Settings
from infra.telemetry.metrics import ERRORS, WARNINGS


def mask_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets by stars: values of telling keys, and passwords inside URLs and connection strings."""
    for key, value in event.items():
        event[key] = masked_value(value, str(key))
    return event


class _Counted:
    """Counts the errors and warnings of a service, whichever library wrote them."""

    def __init__(self, service: str) -> None:
        errors, warnings = ERRORS.labels(service=service), WARNINGS.labels(service=service)
        self._counters = {"error": errors, "critical": errors, "warning": warnings}

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if (counter := self._counters.get(str(event.get("level")))) is not None:
            counter.inc()
        return event


def configure(settings: Settings, service: str) -> None:
    """Set up logging of this process; every line carries the service's name."""
    level = getattr(logging, settings.log.level.upper())
    readable = settings.log.format == "text" or (settings.log.format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _Counted(service),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer])  # fmt: skip
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def get_logger() -> Any:
    """A logger whose calls take an event and keyword values.

    In a program that has configured neither this nor structlog (one that uses the SDK), warnings go to stderr.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[structlog.processors.add_log_level, mask_secrets, structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        )
    return structlog.get_logger()
