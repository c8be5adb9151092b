"""What a promotion asks of an instance before it begins: load the model beside the live one, and say so.

A thread of its own, on a connection of its own. The loop isn't held up: reading, checking and loading a model leave
the interpreter's lock to it, and a model that is loaded is only looked up there. While Postgres is away, the instance
serves on and counts as not seen.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from consumers.inference.models import LoadedModels
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse import serving
from infra.warehouse.connection import Connection, connect
from infra.warehouse.serving import Identity, PrepareAnswer, PrepareRequest
from pipeline.deployments import ModelRef

_END_S = 5.0
#: How long it listens at a time: a stop waits for it.
_LISTEN_S = 0.1


class Preparation:
    """Says each second that the instance lives, and answers prepare requests; ``partitions`` tells what it owns."""

    def __init__(
        self, settings: Settings, instance: int, models: LoadedModels, partitions: Callable[[], Sequence[int]]
    ) -> None:
        self._settings = settings
        self._models = models
        self._partitions = partitions
        self._who = Identity(prefix=settings.topics.prefix, instance=instance, incarnation=secrets.token_hex(8))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Say that the instance has ended."""
        self._stop.set()
        self._thread.join(_END_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._settings, name="signaltape-inference-preparation") as connection:
                    self._serve(connection)
            except (psycopg.Error, OperatorError) as error:
                get_logger().warning("preparation_waits", reason=str(error).strip())
                self._stop.wait(serving.BEAT_S)

    def _serve(self, connection: Connection) -> None:
        """Beat and answer until told to stop, or until another process is this instance."""
        serving.appear(connection, self._who, socket.gethostname(), os.getpid())
        due, asked = time.monotonic(), False
        while not self._stop.is_set():
            if asked or time.monotonic() >= due:
                if not serving.beat(connection, self._who, sorted(self._partitions())):
                    get_logger().warning("preparation_ends", reason="another process runs under this instance number")
                    return self._stop.set()
                for request in serving.unanswered(connection, self._who):
                    serving.answer(connection, self._who, request.request_id, self._prepared(request))
                due = time.monotonic() + serving.BEAT_S
            asked = any(True for _ in connection.notifies(timeout=_LISTEN_S, stop_after=1))
        return serving.leave(connection, self._who)

    def _prepared(self, request: PrepareRequest) -> PrepareAnswer:
        begun = time.monotonic()
        ref = ModelRef(name=request.model, version=request.version)
        reason = self._models.prepare(ref, again=True) or computed(self._models, ref, self._settings)
        elapsed_ms = (time.monotonic() - begun) * 1e3
        get_logger().info("prepared", model=str(ref), ready=not reason, reason=reason, elapsed_ms=round(elapsed_ms, 1))
        return PrepareAnswer(reason=reason, elapsed_ms=elapsed_ms)


def computed(models: LoadedModels, ref: ModelRef, settings: Settings) -> str:
    """Return why a loaded model would never be asked, "" if its features are computed here."""
    wanted, sets = models.terms(ref).feature_set, settings.engine.feature_sets
    if wanted in sets:
        return ""
    return (
        f"model {ref} predicts from feature set {wanted}, and the setting engine.feature_sets has {', '.join(sets)}: "
        "it would never be asked"
    )
