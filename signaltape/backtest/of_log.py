"""Material from the log of bars: the stored record, or the topic."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from infra.history.arithmetic import other_arithmetic
from infra.history.extents import Extent, extents
from infra.history.flows import Begun, FlowChoice, begin_flows
from infra.scoring.manifest import ModelManifest
from infra.scoring.registry import ModelRegistry
from infra.scoring.untimed import UntimedModels
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.connection import Connection
from infra.warehouse.replays import stored_sets
from pipeline.features import FEATURE_SETS
from pipeline.replay.aligning import aligned
from signaltape.backtest.errors import BacktestRefused
from signaltape.backtest.material import Material, activation
from signaltape.backtest.models import chosen_model, notes_about, traded_interval
from signaltape.backtest.request import BacktestRequest

#: Beyond every close that the tables can hold.
_ALL = 253_402_300_799 * 1_000_000_000


@contextmanager
def log_material(settings: Settings, request: BacktestRequest) -> Iterator[Material]:
    """Put the flow before the range; a connection answers its look-ups until the context ends."""
    chosen: ModelManifest | None = None
    models = UntimedModels(ModelRegistry(settings))
    if request.choice.model is not None:
        registry, chosen = chosen_model(settings, request.choice.model)
        models = UntimedModels(registry)
    interval = traded_interval(request.interval, chosen)
    with connect(settings, name="signaltape-backtest") as connection:
        start = 0 if request.start is None else request.start
        end = _ALL if request.end is None else request.end
        found = extents(connection, settings, start, end, loaded=chosen is not None)
        _check_sets(connection, settings, chosen)
        choice = FlowChoice(
            models=lambda _: models,
            activate=None if chosen is None else activation(chosen),
            feature_sets=_sets(settings, chosen),
            cold=request.cold,
            topic=request.source == "topic",
        )
        begun = begin_flows(connection, settings, found, choice)
        first = min(one.first_time for one in found)
        with ExitStack() as stack:
            for one in begun:
                stack.callback(one.close)
            yield Material(
                flows={one.extent.partition: one.flow for one in begun},
                entries=aligned({one.extent.partition: one.log for one in begun}),
                interval=interval,
                start=first,
                end=max(one.last_time for one in found),
                bars=sum(one.bars for one in found),
                models=models,
                begins={one.extent.partition: one.begins for one in begun},
                chosen=chosen,
                notes=tuple(
                    _arithmetic(connection, begun) if chosen is None else (*notes_about(chosen, first), *_loaded(found))
                ),
            )


def _sets(settings: Settings, chosen: ModelManifest | None) -> tuple[str, ...] | None:
    """The live sets where a model is on one of them (their states are kept), else the model's own."""
    if chosen is None or chosen.feature_set in settings.engine.feature_sets:
        return None
    if chosen.feature_set not in FEATURE_SETS:
        raise BacktestRefused(f"model {chosen.ref} needs feature set {chosen.feature_set}, which is not known here")
    return (chosen.feature_set,)


def _check_sets(connection: Connection, settings: Settings, chosen: ModelManifest | None) -> None:
    """As live: the features of then must be those of this release, or the signals would be others."""
    if chosen is not None:
        return
    stored = stored_sets(connection)
    for name in settings.engine.feature_sets:
        known = FEATURE_SETS[name]
        kept = stored.get((name, known.version))
        if kept is not None and kept != known.hash:
            raise BacktestRefused(
                f"feature set {name} v{known.version} has changed since: stored under the hash {kept}, this release "
                f"computes {known.hash}. Run the release of then, or give --model"
            )


def _arithmetic(connection: Connection, begun: Sequence[Begun]) -> tuple[str, ...]:
    first, last = min(one.extent.first_time for one in begun), max(one.extent.last_time for one in begun)
    return other_arithmetic(connection, [one.lane for one in begun], first, last)


def _loaded(found: Sequence[Extent]) -> tuple[str, ...]:
    loaded = sum(one.loaded for one in found)
    if not loaded:
        return ()
    return (f"{loaded:,} bars were loaded by `backfill`: their order is that of time, no late bar or correction in it",)
