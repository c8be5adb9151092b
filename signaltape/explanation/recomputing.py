"""The bar computed again from the log and the registry, in memory of its own, and compared with what is recorded.

1. Features: the engine, from the newest kept snapshot (or the symbol's first bar) to the bar, in the log's order.
2. Scores: each registered ONNX file, checked, by the scorer that serves, over those features. What a replay can't
   derive (a missed deadline, an open breaker) is taken as recorded.
3. Directions, merge, dedup, signal: the partition's own class, with its memory of then.
"""

from dataclasses import dataclass

from infra.engine_choice import engine_config, inference_options
from infra.history.starting import finder, kept_engine
from infra.scoring.numerics import host_fingerprint
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.explanation import Facts
from pipeline.engine import PartitionEngine
from pipeline.engine_types import UnsupportedMessage
from pipeline.explanation.comparison import (
    EXACT,
    FEATURES,
    Difference,
    compare_bar,
    compare_calls,
    compare_signal,
    compare_vectors,
    in_order,
)
from pipeline.explanation.facts import BarFact, Moment
from pipeline.explanation.rerun import rerun, vectors_as_stored
from pipeline.explanation.retrace import Retraced, retrace
from pipeline.numerics import fingerprint
from pipeline.routing.model_port import ModelUnavailable
from schemas.bars import BarBatch
from signaltape.explanation.gathering import Gathered
from signaltape.explanation.recorded_calls import RecordedCalls


@dataclass(frozen=True, kw_only=True, slots=True)
class Recomputed:
    """What came out. ``problems``: what could not be computed again, and why. ``honoured``: what was taken as recorded.

    ``exact``: bit for bit; otherwise within tolerances, because another arithmetic made the recorded values.
    """

    begins: str = ""
    retraced: Retraced | None = None
    differences: tuple[Difference, ...] = ()
    problems: tuple[str, ...] = ()
    honoured: tuple[str, ...] = ()
    exact: bool = True
    checked: tuple[str, ...] = ()


def recompute(
    connection: Connection, settings: Settings, gathered: Gathered, message: BarBatch | None, models: RecordedCalls
) -> Recomputed:
    """Compute the moment again; ``message``: the bar's own, if the topic still has it."""
    moment, bar = gathered.moment, gathered.moment.bar
    if bar is None:
        return Recomputed()
    found = compare_bar(bar, message) if message is not None else []
    work = _features(connection, settings, gathered, bar)
    problems = [work.problem] if work.problem else []
    exact = all(one.numerics in ("", fingerprint()) for one in moment.vectors)
    batches = vectors_as_stored(moment, bar.source_offset)
    checked = ["bars"] if message is not None else []
    if work.retraced is not None:
        found += compare_vectors(moment, bar, work.retraced.batches, EXACT if exact else FEATURES)
        batches, checked = work.retraced.batches, [*checked, "features"]
    exact = exact and all(one.numerics in ("", host_fingerprint()) for one in moment.calls)
    try:
        calls, signal = rerun(moment, batches, models, inference_options(settings))
    except ModelUnavailable as error:
        problems.append(str(error))
    else:
        told = compare_calls(moment, calls, exact)
        problems += models.failed.values()
        lost = [str(ref) for ref in models.failed]
        found += [one for one in told if not any(one.where.endswith(f" {ref}") for ref in lost)]
        found += compare_signal(moment, signal, exact)
        checked += ["scores", "decisions", "router", "signal"] if moment.rows or calls else []
    return Recomputed(
        begins=work.begins,
        retraced=work.retraced,
        differences=in_order(found),
        problems=tuple(problems),
        honoured=_honoured(moment),
        exact=exact,
        checked=tuple(checked),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Features:
    begins: str = ""
    retraced: Retraced | None = None
    problem: str = ""


def _features(connection: Connection, settings: Settings, gathered: Gathered, bar: BarFact) -> _Features:
    """Step 1."""
    place = gathered.place
    if place is None:
        return _Features(problem=f"features can't be computed again: {gathered.unplaced}")
    config = engine_config(settings, place.partition)
    engine = PartitionEngine(config)
    known = {(one.name, one.version): one.hash for one in engine.sets}
    for vector in gathered.moment.vectors:
        here = known.get((vector.feature_set, vector.set_version))
        if here != vector.set_hash:
            name = f"{vector.feature_set} v{vector.set_version}"
            return _Features(
                problem=f"features of {name} were made under the hash {vector.set_hash}, this release and its settings "
                f"compute {here or 'no such set'}: run the release of then"
            )
    facts = Facts(connection, bar.symbol, bar.interval, bar.event_time)
    begins, after = f"the first bar of {bar.symbol}", 0
    kept = kept_engine(connection, config, place.first_generation, place.source_offset)
    if kept is not None:
        engine, after, _ = kept
        begins = f"the kept state before offset {after}"
    target = (bar.symbol, bar.interval, bar.source_offset)
    try:
        retraced = retrace(engine, facts.log(place, after), target, finder(connection, place.first_generation))
    except (UnsupportedMessage, LookupError) as error:
        return _Features(begins=begins, problem=f"the stored log can't be followed up to the bar: {error}")
    return _Features(begins=begins, retraced=retraced)


def _honoured(moment: Moment) -> tuple[str, ...]:
    """What isn't a function of the log and was taken as recorded."""
    calls = {one.key: one for one in moment.calls}
    said = []
    for row in moment.rows:
        if row.status == "ok":
            continue
        call = calls[row.key]
        why = "the breaker was open" if call.breaker_open else "an unusable output or an error"
        why = "a missed deadline" if call.deadline_missed else why
        said.append(f"{row.ref} ({row.strategy} {row.role}): {why}; status {row.status}")
    return tuple(said)
