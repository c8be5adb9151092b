"""The router's invariant, through control changes and restarts, against rules written again in plain Python.

After each event time, the direction last emitted for a symbol is the one that the router decided.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.control import ControlState
from pipeline.routing.partition import Output, PartitionInference
from pipeline.routing.router_state import RouterState
from schemas.control import ControlEvent
from schemas.intervals import SECOND
from schemas.predictions import DIRECTIONS, OUTCOMES, PredictionBatch
from schemas.signals import Signal
from tests.support.feature_chain import SET, T0, Bench, ChainWriter

SYMBOLS = ("A", "B", "C")
MODELS = {"s0": SET, "s1": "other"}
Rows = dict[str, tuple[float, float]]

row = st.tuples(st.sampled_from([-0.9, -0.5, 0.0, 0.3, 0.5, 0.9]), st.sampled_from([0.0, 0.2, 0.5, 0.8]))
rows = st.dictionaries(st.sampled_from(SYMBOLS), row)
strategies = st.sampled_from(["", *MODELS])
lists = st.lists(st.sampled_from(SYMBOLS), max_size=2)
halves = st.sampled_from([0.0, 0.5])


def setting(name: str, values: st.SearchStrategy[Any], who: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """An event that sets one parameter, for a strategy or the router."""
    return st.builds(lambda strategy, value: ("parameters", strategy, {name: value}, ()), who, values)


controls = st.one_of(
    setting("dedup_window_ns", st.integers(0, 9).map(SECOND.__mul__), st.just("")),
    setting("emit", st.sampled_from(["every_bar", "on_change"]), st.just("")),
    setting("long", st.sampled_from([0.2, 0.5, 0.95]), strategies),
    setting("min_confidence", halves, strategies),
    setting("filter_confidence", halves, strategies),
    setting("symbols", lists, strategies),
    setting("blocked_symbols", lists, strategies),
    setting("directions", st.sampled_from([["long", "short"], ["flat", "long", "short"]]), strategies),
    st.builds(lambda who, named: ("pause", who, {}, tuple(named)), strategies, lists),
    st.just(("resume", "", {}, ())),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("bar"), st.integers(1, 7), rows, rows),
        st.tuples(st.just("bar"), st.integers(1, 3), rows, rows),
        st.tuples(st.just("control"), controls, st.integers(0, 6)),
        st.tuples(st.just("keep")),
        st.tuples(st.just("restart")),
    ),
    min_size=1,
    max_size=40,
)


@dataclass
class Oracle:
    """Which rows become what, by the rules of DESIGN §10 and nothing of the product."""

    events: list[tuple[int, int, Any]] = field(default_factory=list)
    head: int | None = None
    last: dict[str, tuple[str, int]] = field(default_factory=dict)

    def control(self, event: Any, effective_from: int) -> None:
        effective = effective_from if self.head is None else max(effective_from, self.head + 1)
        self.events.append((effective, len(self.events), event))

    def bar(self, time: int, by_model: dict[str, Rows]) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
        """(strategy, symbol) → outcome; symbol → direction sent."""
        self.head = time if any(by_model.values()) else self.head
        acting = [event for effective, _, event in sorted(self.events, key=lambda one: one[:2]) if effective <= time]
        outcomes: dict[tuple[str, str], str] = {}
        claims: dict[str, list[tuple[str, str, float]]] = {}
        for strategy, given_rows in by_model.items():
            terms = self.terms(acting, strategy)
            for symbol, (score, confidence) in given_rows.items():
                direction = "long" if score >= terms["long"] else "short" if score <= -0.5 else "flat"
                direction = "flat" if confidence < terms["min_confidence"] else direction
                outcomes[strategy, symbol] = "merged"
                if (
                    confidence < terms["filter_confidence"]
                    or direction not in terms["directions"]
                    or (terms["symbols"] and symbol not in terms["symbols"])
                    or symbol in terms["blocked_symbols"]
                ):
                    outcomes[strategy, symbol] = "filtered"
                elif self.paused(acting, strategy, symbol):
                    outcomes[strategy, symbol] = "paused"
                else:
                    claims.setdefault(symbol, []).append((strategy, direction, confidence))
        sent = {}
        for symbol, said in claims.items():
            decided, lead = majority(said), max(said, key=lambda one: one[2])[0]
            outcomes[lead, symbol] = self.dedup(symbol, decided, time, self.terms(acting, ""))
            if outcomes[lead, symbol] == "emitted":
                sent[symbol] = decided
        return outcomes, sent

    def dedup(self, symbol: str, decided: str, time: int, terms: dict[str, Any]) -> str:
        before = self.last.get(symbol)
        if before is not None and before[0] == decided:
            if time - before[1] < terms["dedup_window_ns"]:
                return "suppressed"
            if terms["emit"] == "on_change":
                return "unchanged"
        self.last[symbol] = (decided, time)
        return "emitted"

    @staticmethod
    def terms(acting: list[Any], strategy: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "long": 0.5, "min_confidence": 0.0, "filter_confidence": 0.0, "directions": list(DIRECTIONS),
            "symbols": [], "blocked_symbols": [], "dedup_window_ns": 5 * SECOND, "emit": "every_bar",
        }  # fmt: skip
        for who in ("", strategy):
            for action, named, parameters, _ in acting:
                if action == "parameters" and named == who:
                    found.update(parameters)
        return found

    @staticmethod
    def paused(acting: list[Any], strategy: str, symbol: str) -> bool:
        held = False
        for action, who, _, symbols in acting:
            if action == "resume":
                held = False
            elif action == "pause" and who in ("", strategy) and (not symbols or symbol in symbols):
                held = True
        return held


def majority(said: list[tuple[str, str, float]]) -> str:
    weights = [confidence for _, _, confidence in said]
    weights = weights if sum(weights) > 0 else [1.0] * len(said)
    if len(said) == 1:
        return said[0][1]
    for name in DIRECTIONS:
        if 3.0 * sum(w for w, one in zip(weights, said, strict=True) if one[1] == name) > 2.0 * sum(weights):
            return name
    return "flat"


class Restarting(Bench):
    """A bench that can die and go on from its last snapshot and what was recorded since."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.kept: bytes | None = None
        self.recorded: list[list[PredictionBatch]] = []
        self.events: list[ControlEvent] = []
        for strategy, feature_set in MODELS.items():
            self.activate(strategy, self.models.add(f"m-{strategy}", feature_set=feature_set))

    def take(self, *messages: Any) -> Output:
        output = super().take(*messages)
        self.numbers += [one.seq for one in output.signals]
        self.events += [one for one in messages if isinstance(one, ControlEvent)]
        batches = [one for one in output.predictions if isinstance(one, PredictionBatch)]
        if batches:
            self.recorded.append(batches)
        return output

    def keep(self) -> None:
        self.kept, self.recorded = self.inference.snapshot().state, []

    def restart(self) -> None:
        state = RouterState() if self.kept is None else RouterState.restore(self.kept)
        for batches in self.recorded:
            state.replay(batches)
        old = self.inference
        control = ControlState.restore(old.control.received, dict(old.control.kept()), self.events)
        self.inference = PartitionInference(
            partition=0, models=self.models, options=old.options, standing=old.standing, control=control, state=state
        )


def taken(bench: Restarting, time: int, by_model: dict[str, Rows]) -> Output:
    parts = bench.writer.bar(time, {}, sets=tuple(MODELS.values()))
    columns = ("symbols", "values", "valid", "close", "available_time")
    made = []
    for part, given_rows in zip(parts, by_model.values(), strict=True):
        other = ChainWriter().bar(time, given_rows)[0]
        made.append(replace(part, **{name: getattr(other, name) for name in columns}))
    return bench.take(*made)


def outcomes_of(output: Output) -> dict[tuple[str, str], str]:
    return {
        (batch.strategy, symbol): OUTCOMES[batch.outcome[number]]
        for batch in output.predictions
        if isinstance(batch, PredictionBatch)
        for number, symbol in enumerate(batch.symbols)
    }


@given(sequence=steps)
@settings(max_examples=200, deadline=None)
def test_last_emitted_is_what_was_decided_through_changes_and_restarts(sequence: list[Any]) -> None:
    bench, oracle, now = Restarting(), Oracle(), 0
    emitted: dict[str, str] = {}
    for kind, *args in sequence:
        if kind == "bar":
            now += args[0]
            by_model = dict(zip(MODELS, args[1:], strict=True))
            output = taken(bench, T0 + now * SECOND, by_model)
            expected, sent = oracle.bar(T0 + now * SECOND, by_model)
            assert outcomes_of(output) == expected
            told = {one.symbol: one.signal for one in output.signals if isinstance(one, Signal)}
            assert told == sent
            emitted |= told
            assert emitted == {symbol: direction for symbol, (direction, _) in oracle.last.items()}
        elif kind == "control":
            (action, strategy, parameters, symbols), ahead = args
            at = T0 + (now + ahead) * SECOND if ahead else 0
            bench.take(bench.writer.control(action, effective_from=at, strategy=strategy, parameters=parameters,
                                            symbols=symbols))  # fmt: skip
            oracle.control((action, strategy, parameters, symbols), at)
        elif kind == "keep":
            bench.keep()
        else:
            bench.restart()
    assert bench.numbers == list(range(len(bench.numbers)))


def test_the_oracle_knows_a_window_and_a_pause() -> None:
    """Literal times, so that the rules above are no copy of a fault."""
    oracle, said = Oracle(), {"s0": {"A": (0.9, 0.8)}, "s1": {}}
    told = [oracle.bar(at, said)[0]["s0", "A"] for at in (1, 5 * SECOND, 5 * SECOND + 1)]
    assert told == ["emitted", "suppressed", "emitted"]
    oracle.control(("pause", "", {}, ()), 0)
    assert oracle.bar(9 * SECOND, said) == ({("s0", "A"): "paused"}, {})
    assert np.isfinite(oracle.last["A"][1])
