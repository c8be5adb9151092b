"""Why a bar led to no signal: one reason a step of the flow, the earliest step that ended it first (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.deployments import Deployments, ModelRef
from pipeline.explanation.facts import BarFact, Moment
from pipeline.explanation.row_reasons import RowReasons
from pipeline.explanation.terms import serving
from pipeline.explanation.words import reason, when
from pipeline.routing.model_port import ModelTerms
from pipeline.routing.options import RouterOptions

_Wanted = tuple[str, ModelTerms | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the reasons are read from beside the facts.

    ``terms``: of the models in force, as far as they are at hand. ``bars``: how many bars of the symbol the engine
    had at this one, None if it wasn't run. ``warm_up``: (set, version) → bars before the first vector.
    """

    deployments: Deployments
    options: RouterOptions
    terms: Mapping[ModelRef, ModelTerms] = field(default_factory=dict)
    bars: int | None = None
    awaiting: bool = False
    warm_up: Mapping[tuple[str, int], int] = field(default_factory=dict)


def reasons(moment: Moment, known: Known) -> tuple[dict[str, Any], ...]:
    """Return the reasons as plain values (``code``, ``text``, and the evidence of each), the decisive one first."""
    bar = moment.bar
    if bar is None:
        return _without_bar(moment)
    if bar.generation == 0:
        return (reason("backfilled", "the bar is of a history that was loaded in bulk: no model was asked about it"),)
    notes = _notes(moment, known)
    if not moment.vectors:
        return (*_cold(known), *notes)
    if not moment.rows:
        return (_without_call(moment, known), *notes)
    rows = RowReasons(moment=moment, deployments=known.deployments, options=known.options, terms=known.terms)
    return (*rows.all(), *notes)


def _without_bar(moment: Moment) -> tuple[dict[str, Any], ...]:
    """No bar of this close has made features."""
    found = [
        reason("dead_letter", f"the bar was rejected: {one.code}: {one.detail} ({one.topic}, partition "
               f"{one.partition}, offset {one.offset})", topic=one.topic, partition=one.partition, offset=one.offset,
               rejected_as=one.code)
        for one in moment.dead_letters
    ]  # fmt: skip
    found += [_set_aside(moment, bar) for bar in moment.bars]
    if found:
        return tuple(found)
    sides = [f"the one before closed at {when(moment.previous)}"] if moment.previous is not None else []
    sides += [f"the next one at {when(moment.following)}"] if moment.following is not None else []
    around = "; ".join(sides) or "none is stored at all"
    text = f"no {moment.interval} bar of {moment.symbol} closes at {when(moment.event_time)}: {around}"
    return (reason("no_bar", text, previous=moment.previous, following=moment.following),)


def _set_aside(moment: Moment, bar: BarFact) -> dict[str, Any]:
    place = {"partition": bar.partition, "offset": bar.source_offset, "source": bar.source}
    if bar.status == "secondary":
        return reason(
            "secondary", f"the bar is of source {bar.source!r}, which does not make this symbol's features", **place
        )
    repair = next((one for one in moment.repairs if one.source_offset == bar.source_offset), None)
    state = "no repair was asked for" if repair is None else f"its repair is {repair.status}"
    text = f"the bar came late (offset {bar.source_offset}), behind later ones of its symbol or its feed's watermark"
    return reason("late", f"{text}; late bars and corrections never make signals; {state}", **place)


def _cold(known: Known) -> list[dict[str, Any]]:
    """The symbol isn't warm for any set."""
    if known.bars is None:
        return [reason("not_warm", "no vector is stored: the symbol was not past its warm-up")]
    found = []
    for (name, version), warm_up in known.warm_up.items():
        text = f"{name} v{version} was warming up: bar {known.bars} of the {warm_up + 1} that it needs"
        found.append(reason("not_warm", text, feature_set=name, bars=known.bars, needed=warm_up + 1))
    return found


def _without_call(moment: Moment, known: Known) -> dict[str, Any]:
    """Vectors, but no prediction about them."""
    asked = [(one, serving(one, moment.symbol)) for one in known.deployments.strategies]
    live = [(strategy, ref) for strategy, ref in asked if ref is not None]
    sets = {(one.feature_set, one.set_version) for one in moment.vectors}
    if not live:
        return reason("no_model", "no model was live on this partition at this bar")
    fitting, others = list[_Wanted](), list[_Wanted]()
    for strategy, ref in live:
        terms = known.terms.get(ref)
        fits = terms is None or ((terms.feature_set, terms.set_version) in sets and moment.interval in terms.intervals)
        (fitting if fits else others).append((f"{strategy.name} ({ref})", terms))
    if not fitting:
        wanted = [
            f"{name} takes {terms.feature_set} v{terms.set_version} at {', '.join(terms.intervals)}"
            for name, terms in others
            if terms is not None
        ]
        had = ", ".join(f"{name} v{version}" for name, version in sorted(sets))
        text = f"no live model predicts from {had} at {moment.interval}; live: {'; '.join(wanted)}"
        return reason("no_model", text)
    upto = "none yet" if moment.predicted_to is None else f"up to {when(moment.predicted_to)}"
    names = ", ".join(name for name, _ in fitting)
    text = f"{names} had to predict, but no prediction is stored (stored on this partition: {upto}): inference or store"
    return reason("not_predicted", f"{text} is behind, or a live model could not be loaded; see `signaltape health`")


def _notes(moment: Moment, known: Known) -> Sequence[dict[str, Any]]:
    """What is no reason by itself, but says what the values were made of."""
    found = []
    if known.awaiting:
        found.append(
            reason("awaiting_repair", "the symbol awaited repair: its features went on from the state without a "
                   "correction that had come by then")
        )  # fmt: skip
    found += [
        reason("corrected_later", f"the bar was corrected later (revision {bar.revision}, offset {bar.source_offset}, "
               f"close {bar.close!r}): not what was seen then", offset=bar.source_offset, revision=bar.revision)
        for bar in moment.corrected
    ]  # fmt: skip
    return found
