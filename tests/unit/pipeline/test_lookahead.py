"""The look-ahead firewall: what runs live passes it, and each kind of planted leak is caught by the same function."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.engine_types import EngineConfig
from pipeline.features import FEATURE_SETS
from pipeline.lookahead import Facts, Statements, Subject, Verdict, check_lookahead, engine_subject, sample_facts
from producers.timestamps import to_close
from schemas.intervals import MINUTE

SETS = tuple(FEATURE_SETS.values())
HORIZONS = EngineConfig(partition=0, partitions=1).horizons
FACTS = sample_facts(7, bars=70, symbols=3)
HONEST = engine_subject((FEATURE_SETS["minimal"],), horizons=(5,))


def judged(subject: Subject, facts: Facts = FACTS) -> dict[tuple[str, str], Verdict]:
    return {(one.group, one.name): one for one in check_lookahead(subject, facts, seed=7)}


@pytest.mark.parametrize("seed", range(2))
def test_no_feature_and_no_label_sees_the_future(seed: int) -> None:
    """Every column of every set and every horizon, as the tables have them."""
    facts = sample_facts(seed)
    verdicts = check_lookahead(engine_subject(SETS, HORIZONS), facts, seed=seed)
    wanted = [(one.name, name) for one in SETS for name in one.names]
    wanted += [(f"return_{horizon}", f"return_{horizon}") for horizon in HORIZONS]
    assert [(one.group, one.name) for one in verdicts] == wanted
    assert [one for one in verdicts if one.leak is not None] == []
    assert all(one.compared > 300 for one in verdicts)


Change = Callable[[np.ndarray], np.ndarray]


def with_column(change: Change) -> Subject:
    """The honest subject with one column of ``minimal`` changed symbol by symbol: float64 (bars,) → (bars,)."""

    def subject(facts: Facts) -> list[Statements]:
        features, labels = HONEST(facts)
        features = features.in_order()
        values = features.values.copy()
        for name in set(features.symbol.tolist()):
            rows = np.flatnonzero(features.symbol == name)
            values[rows, 0] = change(values[rows, 0])
        return [replace(features, values=values), labels]

    return subject


def shifted(x: np.ndarray) -> np.ndarray:
    return np.append(x[1:], np.nan)


def centred(x: np.ndarray) -> np.ndarray:
    return np.array([x[max(0, at - 2) : at + 3].mean() for at in range(len(x))])


def normalised(x: np.ndarray) -> np.ndarray:
    return (x - np.nanmean(x)) / np.nanstd(x)


def backward(x: np.ndarray) -> np.ndarray:
    return np.array([x[max(0, at - 2) : at + 1].mean() for at in range(len(x))])


@pytest.mark.parametrize("leak", [shifted, centred, normalised], ids=lambda leak: leak.__name__)
def test_a_column_that_looks_ahead_is_caught(leak: Change) -> None:
    found = judged(with_column(leak))
    verdict = found.pop(("minimal", "logret_1"))
    assert not verdict.passed
    shown = verdict.leak
    assert shown is not None
    assert shown.known_time <= shown.cut
    assert shown.before_bits != shown.after_bits
    assert all(one.passed for one in found.values()), "an honest neighbour was blamed"


def test_a_column_that_looks_back_passes() -> None:
    assert all(one.passed for one in judged(with_column(backward)).values())


def label_among_features(facts: Facts) -> list[Statements]:
    features, labels = HONEST(facts)
    returns = dict(zip(zip(labels.symbol, labels.event_time, strict=True), labels.values[:, 0], strict=True))
    column = [returns.get(key, np.nan) for key in zip(features.symbol, features.event_time, strict=True)]
    return [replace(features, names=(*features.names, "y"), values=np.column_stack([features.values, column])), labels]


def test_a_label_among_the_features_is_caught() -> None:
    found = judged(label_among_features)
    assert not found.pop(("minimal", "y")).passed
    assert all(one.passed for one in found.values())


def stamped(stamp: str) -> Subject:
    """A file that stamps the open, read as if ``stamp`` were what it stamps; known when the bar says it closed."""

    def subject(facts: Facts) -> list[Statements]:
        close = to_close(facts.event_time - MINUTE, "1m", stamp)
        lag = facts.available_time - facts.event_time
        return list(HONEST(replace(facts, event_time=close, available_time=close + lag)))

    return subject


def test_a_close_stamped_as_open_is_caught() -> None:
    assert all(one.passed for one in judged(stamped("open")).values())
    found = judged(stamped("close"))
    assert not any(one.passed for one in found.values())


def clean_history(facts: Facts) -> list[Statements]:
    """Each bar once, in its newest revision, as if that had been known at first."""
    order = np.lexsort((facts.revision, facts.symbol.astype(str), facts.event_time))
    rows = facts.take(order)
    last = np.append((rows.symbol[1:] != rows.symbol[:-1]) | (rows.event_time[1:] != rows.event_time[:-1]), True)
    newest = rows.take(last)
    return list(HONEST(replace(newest, available_time=newest.event_time + 6 * MINUTE // 10)))


def test_a_correction_seen_early_is_caught() -> None:
    only_first = FACTS.take(FACTS.revision == 0)
    late = replace(only_first, available_time=only_first.event_time + 6 * MINUTE // 10)
    assert all(one.passed for one in judged(clean_history, late).values()), "without corrections there is no leak"
    assert not any(one.passed for one in judged(clean_history).values())


def test_a_lag_that_is_not_counted_is_caught() -> None:
    """Known at the close, says the subject; the bar is published some seconds later."""

    def subject(facts: Facts) -> list[Statements]:
        return [replace(table, known_time=table.event_time) for table in HONEST(facts)[:1]]

    assert not any(one.passed for one in judged(subject).values())


def test_one_bit_is_enough() -> None:
    """The last bit of one value, at the bar before the cut, by whether there is a later bar."""
    last = int(FACTS.available_time[-1])

    def subject(facts: Facts) -> list[Statements]:
        features, labels = HONEST(facts)
        values = features.values.copy()
        if int(facts.available_time[-1]) < last:
            values[len(values) // 3, 1] = np.nextafter(values[len(values) // 3, 1], np.inf)
        return [replace(features, values=values), labels]

    found = judged(subject)
    leak = found.pop(("minimal", "ret_std_20")).leak
    assert leak is not None
    assert abs(int(leak.before_bits, 16) - int(leak.after_bits, 16)) == 1
    assert all(one.passed for one in found.values())


def test_a_row_that_only_one_future_states_is_caught() -> None:
    def survivors(facts: Facts) -> list[Statements]:
        """Only symbols that trade to the end: chosen with hindsight."""
        features, labels = HONEST(facts)
        alive = facts.symbol[facts.event_time >= facts.event_time.max() - MINUTE]
        return [
            features.take(np.isin(features.symbol.astype(str), alive.astype(str)) | (features.symbol == "S0")),
            labels,
        ]

    dead = FACTS.take((FACTS.symbol != "S2") | (FACTS.event_time < np.quantile(FACTS.event_time, 0.9)))
    found = judged(survivors, dead)
    assert {one.leak.before_bits for one in found.values() if one.leak is not None} == {"missing"}
    assert found["return_5", "return_5"].passed


def test_nothing_compared_is_no_pass() -> None:
    def silent(facts: Facts) -> list[Statements]:
        return [table.take(np.empty(0, dtype=np.int64)) for table in HONEST(facts)]

    assert not any(one.passed for one in judged(silent).values())
