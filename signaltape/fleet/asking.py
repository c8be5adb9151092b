"""One process asked for its health and its metrics, within a time and a size."""

import http.client
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from signaltape.fleet.samples import Samples, parse_samples
from signaltape.fleet.targets import Target
from signaltape.fleet.view import Check, Process, Waiting

_LARGEST = 4 * 1024 * 1024


class _TooLarge(Exception):
    """An answer beyond any that a process of signaltape gives."""


def ask(target: Target, timeout_s: float) -> Process:
    """What the process behind `target` says of itself; it is `down` or `silent` if it says nothing in time."""
    exists = None if target.pid is None else Path(f"/proc/{target.pid}").exists()
    process = Process(
        service=target.service,
        instance=target.instance,
        host=target.host,
        port=target.port,
        pid=target.pid,
        exists=exists,
    )
    if exists is False:
        return replace(process, error=f"process {target.pid} ended without being stopped")
    end = time.monotonic() + timeout_s
    try:
        status, body = _get(target, "/ready", end)
        report = json.loads(body)
        checks, lag = _checks(report), _lag(report)
        _, metrics = _get(target, "/metrics", end)
    except TimeoutError:
        return replace(process, exists=True, error=f"no answer within {timeout_s:g} s: it hangs, or is stopped")
    except OSError as error:
        reason = error.strerror or str(error)
        return replace(process, exists=False, error=f"nothing answers on {target.host}:{target.port} ({reason})")
    except (_TooLarge, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return replace(process, error=f"what answers on {target.host}:{target.port} is no process of signaltape")
    samples = parse_samples(metrics.decode(errors="replace"))
    if (others := _named(samples)) and target.service not in others:
        reason = f"on {target.host}:{target.port} answers {', '.join(sorted(others))} instead: its own process is gone"
        return replace(process, exists=False, error=reason)
    return replace(
        process,
        exists=True,
        alive=True,
        ready=status == 200,
        checks=checks,
        lag=lag,
        samples=samples,
    )


def _get(target: Target, path: str, end: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=_left(end))
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        parts: list[bytes] = []
        size = 0
        while part := answer.read1(65_536):
            _left(end)
            size += len(part)
            if size > _LARGEST:
                raise _TooLarge
            parts.append(part)
        return answer.status, b"".join(parts)
    finally:
        connection.close()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _named(samples: Samples) -> set[str]:
    """Which service a process says that it is; nothing before it has said so."""
    return {dict(series.labels).get("service", "") for series in samples if series.name == "signaltape_build_info"}


def _checks(report: dict[str, Any]) -> tuple[Check, ...]:
    return tuple(
        Check(name=str(name), ok=bool(one["ok"]), detail=str(one["detail"])) for name, one in report["checks"].items()
    )


def _lag(report: dict[str, Any]) -> tuple[Waiting, ...]:
    """From `{"topic[partition]": messages}`."""
    found = []
    for name, messages in report["lag_messages"].items():
        topic, _, partition = name.rstrip("]").rpartition("[")
        found.append(Waiting(topic=topic, partition=int(partition), messages=int(messages)))
    return tuple(sorted(found, key=lambda one: (one.topic, one.partition)))
