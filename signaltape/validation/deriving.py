"""Suites: the rules that all training data is held to, and those that a reference data set implies."""

import numpy as np

from signaltape.validation.expectation import Expectation
from signaltape.validation.frame import KEY, LABEL, Frame
from signaltape.validation.suite import Suite

#: Fewer rows are no data set to train on.
MINIMUM_ROWS = 1_000
#: A log return of 1 is a price that grows by e within the horizon.
_LARGEST_RETURN = 1.0
_DAY = 86_400.0
_FRESH = 7 * _DAY
#: What a derived range allows beyond the reference's: a share of its width on either side.
_MARGIN, _INSIDE, _NULLS = 0.25, 0.999, 0.02


def baseline(features: tuple[str, ...], minimum_rows: int = MINIMUM_ROWS) -> Suite:
    """Rules for any training data: row count, duplicates, a label that is there and varies, finite features."""
    rules = [
        Expectation(kind="rows", severity="critical", minimum=float(minimum_rows)),
        Expectation(kind="unique", severity="critical", values=KEY),
        Expectation(kind="not_null", severity="critical", column="symbol"),
        Expectation(kind="not_null", severity="critical", column=LABEL),
        Expectation(kind="varies", severity="critical", column=LABEL),
        Expectation(kind="range", severity="critical", column=LABEL),
        Expectation(kind="range", severity="warning", column=LABEL, minimum=-_LARGEST_RETURN, maximum=_LARGEST_RETURN),
        Expectation(kind="fresh", severity="warning", column="event_time", maximum=_FRESH),
    ]
    for name in features:
        rules.append(Expectation(kind="range", severity="critical", column=name))
        # Training leaves out a column with fewer values.
        rules.append(Expectation(kind="not_null", severity="warning", column=name, share=0.01))
    return Suite(name="baseline", expectations=tuple(rules))


def derive(frame: Frame, name: str, fingerprint: str) -> Suite:
    """What later data of the same kind is expected to hold, from a reference: warnings, each with a margin.

    Half the rows; no newer or older than three times the reference's age (at least seven days); known symbols only;
    per feature as many values (less two points) and 99.9 % of them within the reference's range, widened by a quarter
    on each side. Make one critical by editing the file.
    """
    rules = [
        Expectation(kind="rows", severity="warning", minimum=float(len(frame) // 2)),
        Expectation(
            kind="allowed", severity="warning", column="symbol", values=tuple(sorted(set(frame.columns["symbol"])))
        ),
    ]
    if frame.as_of is not None:
        age = (frame.as_of - int(frame.columns["event_time"].max())) / 1e9
        rules.append(Expectation(kind="fresh", severity="warning", column="event_time", maximum=max(3.0 * age, _FRESH)))
    for column in (LABEL, *frame.features):
        known = frame.known(column)
        share = max(float(np.mean(known)) - _NULLS, 0.0)
        rules.append(Expectation(kind="not_null", severity="warning", column=column, share=round(share, 4)))
        values = frame.columns[column][known & np.isfinite(frame.columns[column].astype(np.float64))]
        if len(values):
            low, high = float(values.min()), float(values.max())
            margin = _MARGIN * (high - low)
            rules.append(
                Expectation(
                    kind="range",
                    severity="warning",
                    column=column,
                    minimum=low - margin,
                    maximum=high + margin,
                    share=_INSIDE,
                )
            )
    return Suite(name=name, expectations=tuple(rules), derived_from=fingerprint)
