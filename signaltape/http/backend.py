"""What the API's handlers share: the runtime of models, what is in force, Redis, the registry."""

import threading
import time
from collections.abc import Callable

from infra.api_settings import ApiSettings
from infra.errors import OperatorError
from infra.online import OnlineStore, SignalCache
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.logs import get_logger
from infra.warehouse.connection import Warehouse
from signaltape.console.streams import Streams
from signaltape.http.pool import Pool
from signaltape.http.trail import AuditTrail
from signaltape.serving.control_view import ControlView
from signaltape.serving.prediction import Predictions
from signaltape.serving.runtime import load_models
from signaltape.serving.signal_reader import SignalReader

_LOOK_EVERY_S = 1.0
#: A dependency that takes longer to answer a look is away, though it may hold its connection.
_LOOK_S = 5.0
#: Models that are kept beside those in force, for those who ask for them by name.
_SPARE_MODELS = 8
#: Decisions that may be under way at once. Each waits until it has arrived, and none must wait for another to.
_DECISIONS = 16
#: Reads of the console's pages that may be under way at once: they mostly wait for Postgres.
_READS = 8


class Backend:
    """Everything that a request may need, and the look-out that says whether it is there.

    The constructor needs Kafka, where what is in force lies; Postgres and Redis may come later. Raises OperatorError.
    """

    def __init__(self, settings: Settings, health: Health) -> None:
        self.settings, self.options, self.health = settings, settings.api, health
        self.models = load_models(settings, spare=_SPARE_MODELS)
        self.registry = ModelRegistry(settings)
        self.view = ControlView(settings)
        self.reader = SignalReader(settings=settings, models=self.models, view=self.view)
        self._online = OnlineStore(settings)
        self.predictions = Predictions(
            models=self.models,
            view=self.view,
            online=self._online,
            last_words=self.reader.last_words,
            fresh_bars=settings.inference.fresh_bars,
        )
        self.pool = _pool(settings.api)
        # A decision that waits until it arrived must not take the place of a prediction.
        self.decisions = Pool(_DECISIONS, settings.api.max_waiting)
        # Nor must a page whose questions Postgres doesn't answer.
        self.reads = Pool(_READS, settings.api.max_waiting)
        self.streams = Streams(settings.api.max_pages, settings.api.max_pages_per_address)
        #: What pages have begun, to be ended with the server.
        self.endings: list[Callable[[], None]] = []
        self.trail = AuditTrail(settings)
        self._probe = SignalCache(settings)
        self._warehouse = Warehouse(settings, "signaltape-api")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="look-out", daemon=True)

    def start(self) -> None:
        """Look at every dependency once, then again each second."""
        self._look()
        self._thread.start()

    def close(self) -> None:
        """Stop looking, and close what is open."""
        self.streams.end()
        for end in self.endings:
            end()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_LOOK_S)
        for pool in (self.pool, self.decisions, self.reads):
            pool.close()
        for one in (self.trail, self.reader, self.view, self._online, self._probe, self._warehouse):
            one.close()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            try:
                self._look()
            except Exception as error:  # reports that are never renewed would look like health
                get_logger().exception("look_out_failed")
                self.health.ready("look-out", False, f"a fault of this program ({error!r:.200}); see its log")
            else:
                self.health.ready("look-out", True)

    def _look(self) -> None:
        """Report each dependency. Requests to /ready read the reports, so that asking often costs nothing."""
        report(self.health, "redis", self._probe.probe)
        report(
            self.health,
            "postgres",
            lambda: self._warehouse.run(lambda connection: connection.execute("SELECT 1")),
        )
        self.health.ready("kafka", not self.view.failure, self.view.failure)
        live = {
            ref for one in self.view.everywhere(time.time_ns()).values() for s in one.strategies for ref in s.serving
        }
        self.models.deployed(live)
        faults = [fault for ref in sorted(live) if (fault := self.models.prepare(ref))]
        self.health.ready(
            "models", not faults, "; ".join(faults) or ", ".join(map(str, sorted(live))) or "none is live"
        )


def report(health: Health, name: str, look: Callable[[], object], patience_s: float = _LOOK_S) -> None:
    """Look at a dependency and report it; one that hangs is reported after ``patience_s``, while it still does.

    A server that stands still keeps its connection: without this, what it said last would pass for health for ever.
    """
    late = threading.Timer(patience_s, health.ready, (name, False, f"no answer within {patience_s:g} s"))
    late.daemon = True
    late.start()
    try:
        look()
        found = (True, "")
    except OperatorError as error:
        found = (False, str(error))
    finally:
        late.cancel()
    health.ready(name, *found)


def _pool(options: ApiSettings) -> Pool:
    return Pool(options.threads, options.max_waiting)
