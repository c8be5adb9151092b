"""The fingerprint says what the rows are, whatever their order; leaks are found whatever they are called."""

import hashlib
import struct
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset_content import COLUMNS, canonical, fingerprint, leaks
from tests.support.dataset_examples import MINUTE, T0, Row, content_of, terms_of

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
rows_of = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "AB", "É", "b"]),
        st.integers(0, 5),
        st.tuples(st.none() | numbers, st.none() | numbers),
        numbers,
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[:2],
)
AS_OF = T0 + 100 * MINUTE


@settings(max_examples=80, deadline=None)
@given(rows=rows_of, data=st.data())
def test_the_order_of_rows_does_not_matter(rows: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    assert fingerprint(content_of(shuffled)) == fingerprint(content_of(rows))
    ordered = canonical(content_of(shuffled))
    keys = list(zip(ordered.symbol.tolist(), ordered.event_time.tolist(), strict=True))
    assert all(before < after for before, after in pairwise(keys))


@settings(max_examples=80, deadline=None)
@given(rows=rows_of, data=st.data())
def test_any_change_of_a_row_is_another_fingerprint(rows: list[Row], data: st.DataObject) -> None:
    content = content_of(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from([*COLUMNS, "values", "a row less"]))
    if name == "a row less":
        changed = content.take(np.arange(len(rows)) != row)
    else:
        column = getattr(content, name).copy()
        if name == "symbol":
            column[row] = "C"
        elif name == "values":
            column[row, 1] = np.nan if np.isfinite(column[row, 1]) else 0.0
        elif name == "label":
            column[row] = np.nextafter(column[row], np.inf)
        else:
            column[row] += 7 * MINUTE
        changed = replace(content, **{name: column})
    assert fingerprint(changed) != fingerprint(content)


@pytest.mark.parametrize(
    "changed",
    [
        {"features": ("b", "a")},
        {"set_hash": "other"},
        {"set_version": 2},
        {"horizon": 5},
        {"interval": "5m"},
        {"knowledge": "available"},
    ],
)
def test_what_the_numbers_mean_is_part_of_it(changed: dict[str, object]) -> None:
    rows: list[Row] = [("A", 0, (1.0, 2.0), 0.1)]
    assert fingerprint(content_of(rows, terms_of(**changed))) != fingerprint(content_of(rows))  # type: ignore[arg-type]


def test_symbols_do_not_run_into_each_other() -> None:
    one = content_of([("AB", 0, (1.0, 2.0), 0.1), ("C", 0, (1.0, 2.0), 0.1)])
    assert fingerprint(one) != fingerprint(replace(one, symbol=np.array(["A", "BC"], dtype=object)))


def test_every_undefined_value_is_the_same() -> None:
    content = content_of([("A", 0, (None, 2.0), 0.1)])
    other = content.values.copy()
    other.view(np.int64)[0, 0] ^= 1  # another NaN
    assert np.isnan(other[0, 0])
    assert fingerprint(replace(content, values=other)) == fingerprint(content)


def test_the_fingerprint_stays_what_it_is() -> None:
    """Spelt out byte by byte. A change of this form makes every dataset on disk unreadable: it needs a new FORM."""
    content = content_of([("B", 1, (None, 2.0), 0.1), ("A", 0, (1.0, -2.5), -0.2)])
    head = (
        '{"form":1,"rows":2,"symbols":["A","B"],"terms":{"feature_set":"core","features":["a","b"],"horizon":1,'
        '"interval":"1m","knowledge":"ingested","set_hash":"hash","set_version":1}}'
    )
    later = T0 + MINUTE
    second = MINUTE // 60
    columns = [0, 1, T0, later, T0 + second, later + second, later, later + MINUTE]
    columns += [later + second, later + MINUTE + second]
    numbers = [-0.2, 0.1, 1.0, -2.5, float("nan"), 2.0]
    spelt = head.encode() + struct.pack("<10q", *columns) + struct.pack("<6d", *numbers)
    assert fingerprint(content) == hashlib.sha256(spelt).hexdigest()
    assert fingerprint(content) == "324aa9e8e71f31875202917da1bc8fa0281b6d5e21c9a414e8866a4e67ce2a8c"


def test_two_rows_of_one_bar_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows of A"):
        fingerprint(content_of([("A", 0, (1.0, 2.0), 0.1), ("A", 0, (1.0, 2.0), 0.1)]))


CLEAN = content_of([("A", 0, (1.0, 2.0), 0.1), ("A", 1, (1.0, None), 0.2)])


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("available_time", T0 - 1, "before their bar closed"),
        ("available_time", AS_OF + 1, "features that were not known yet"),
        ("label_event_time", T0, "no later bar"),
        ("label_available_time", T0 + MINUTE - 1, "known before its bar closed"),
        ("label_available_time", AS_OF + 1, "a label that was not known yet"),
        ("label", np.nan, "not finite"),
        ("values", np.inf, "infinite feature"),
    ],
)
def test_each_leak_is_found(column: str, value: float, what: str) -> None:
    assert leaks(CLEAN, AS_OF) == ()
    planted = getattr(CLEAN, column).copy()
    planted[0] = value
    (found,) = leaks(replace(CLEAN, **{column: planted}), AS_OF)
    assert what in found
    assert "first A" in found


def test_exact_bounds_are_no_leaks() -> None:
    at = CLEAN.event_time
    known = replace(CLEAN, available_time=at, label_event_time=at + 1, label_available_time=at + 1)
    assert leaks(known, int(at[-1]) + 1) == ()


def test_a_label_among_the_features_is_found() -> None:
    assert "'label'" in leaks(content_of([("A", 0, (1.0, 2.0), 0.1)], terms_of(("a", "label"))), AS_OF)[0]
