"""What a promotion asks of an instance before it begins: load the model beside the live one, and say so.

Two threads of their own, each on a connection of its own: one says that the instance lives, the other loads, so that a
long load is no silence. The loop isn't held up: reading, checking and loading a model leave the interpreter's lock to
it, and a model that is loaded is only looked up there. While Postgres is away, the instance serves on and counts as
not seen.
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
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for name, work in (("presence", self._live), ("preparation", self._serve))
        ]

    def start(self) -> None:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Say that the instance has ended; a load that is under way is not waited for any longer than that takes."""
        self._stop.set()
        end = time.monotonic() + _END_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, work: Callable[[Connection], None]) -> None:
        """Do ``work`` until told to stop, again after whatever went wrong: an instance must not fall silent by it."""
        while not self._stop.is_set():
            try:
                with connect(self._settings, name="signaltape-inference-preparation") as connection:
                    work(connection)
            except (psycopg.Error, OperatorError) as error:
                get_logger().warning("preparation_waits", reason=str(error).strip())
            except Exception:
                get_logger().exception("preparation_failed")
            else:
                continue
            self._stop.wait(serving.BEAT_S)

    def _live(self, connection: Connection) -> None:
        """Beat until told to stop, or until another process is this instance."""
        serving.appear(connection, self._who, socket.gethostname(), os.getpid())
        while self._beat(connection):
            self._stop.wait(serving.BEAT_S)
        serving.leave(connection, self._who)

    def _serve(self, connection: Connection) -> None:
        """Answer until told to stop."""
        serving.hear(connection)
        due, asked = time.monotonic(), False
        while not self._stop.is_set():
            if asked or time.monotonic() >= due:
                for request in serving.unanswered(connection, self._who):
                    serving.answer(connection, self._who, request.request_id, self._prepared(request))
                due = time.monotonic() + serving.BEAT_S
            asked = any(True for _ in connection.notifies(timeout=_LISTEN_S, stop_after=1))

    def _beat(self, connection: Connection) -> bool:
        """Say that the instance lives; False once it is to end."""
        if self._stop.is_set():
            return False
        if serving.beat(connection, self._who, sorted(self._partitions())):
            return True
        get_logger().warning("preparation_ends", reason="another process runs under this instance number")
        self._stop.set()
        return False

    def _prepared(self, request: PrepareRequest) -> PrepareAnswer:
        begun = time.monotonic()
        ref = ModelRef(name=request.model, version=request.version)
        try:
            reason = self._models.prepare(ref, again=True) or computed(self._models, ref, self._settings)
        except Exception as error:  # of numpy, of ONNX Runtime, too little memory: the instance serves on
            get_logger().exception("preparation_failed", model=str(ref))
            reason = f"model {ref} can't be loaded: {type(error).__name__}: {error}"
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
