"""Three spans of time, with nothing known of a later one in an earlier one."""

from dataclasses import dataclass

import numpy as np

from schemas.fields import I8Array
from signaltape.training.dataset import Rows
from signaltape.training.errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Training, validation and test rows; ``embargoed`` rows belong to none.

    ``boundaries``: event time (ns UTC) of the first validation and of the first test prediction.
    """

    train: Rows
    validation: Rows
    test: Rows
    embargoed: int
    boundaries: tuple[int, int]

    @property
    def spans(self) -> dict[str, Rows]:
        """The three by name, as metrics name them; the rows of ``train`` have been seen."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_by_time(rows: Rows, validation: float, test: float, minimum: int) -> Split:
    """Split by shares of rows, all rows of one event time on one side, latest rows in ``test``.

    Embargo: a row counts as training only if its label matured before the first validation prediction was made, and
    as validation only if it matured before the first test prediction. So the label's horizon lies between them, in
    bars of each symbol, gaps or not. Raises TrainingError with fewer than ``minimum`` rows, or an empty span.
    """
    if len(rows) < minimum:
        raise TrainingError(
            f"{len(rows):,} labelled rows are fewer than the minimum of {minimum:,}: give more bars (a symbol needs "
            "its warm-up and the horizon besides), or lower minimum_rows"
        )
    first, second = (_boundary(rows.event_time, 1.0 - later) for later in (validation + test, test))
    return _split_at(rows, first, second, minimum)


def folds(rows: Rows, count: int, until: int, minimum: int) -> list[Split]:
    """``count`` splits of the rows whose label matured before ``until`` (ns UTC), each a step later than the last.

    The rows are cut into ``count`` + 2 parts of equal size, all rows of one event time in one of them. Fold k learns
    from parts 1..k, is calibrated on the next and judged on the one after it, with the embargo of `split_by_time`
    between them. Raises TrainingError where a span has too few rows.
    """
    known = rows.take(rows.matures < until)
    if len(known) < minimum // 20 * (count + 2):
        raise TrainingError(
            f"{len(known):,} rows before the test span are too few for {count} folds: "
            f"{minimum // 20 * (count + 2):,} are needed; ask for fewer folds, or give a longer history"
        )
    cuts = [_boundary(known.event_time, part / (count + 2)) for part in range(1, count + 2)]
    ends = [*cuts[2:], until]
    return [
        _split_at(known.take(known.event_time < end), first, second, minimum)
        for first, second, end in zip(cuts, cuts[1:], ends, strict=False)
    ]


def _split_at(rows: Rows, first: int, second: int, minimum: int) -> Split:
    """Validation begins at event time ``first``, the test span at ``second``."""
    in_train = rows.matures < first
    in_validation = (rows.event_time >= first) & (rows.matures < second)
    in_test = rows.event_time >= second
    spans = {"training": in_train, "validation": in_validation, "test": in_test}
    for name, mask in spans.items():
        if np.count_nonzero(mask) < minimum // 20:
            raise TrainingError(
                f"the {name} span holds {np.count_nonzero(mask):,} rows, needed are {minimum // 20:,}: "
                "the bars cover too few different times for this horizon; give a longer history"
            )
    return Split(
        train=rows.take(in_train),
        validation=rows.take(in_validation),
        test=rows.take(in_test),
        embargoed=len(rows) - int(sum(np.count_nonzero(mask) for mask in spans.values())),
        boundaries=(first, second),
    )


def _boundary(event_time: I8Array, share: float) -> int:
    """Event time of the row at ``share`` of all rows, which are in time order."""
    return int(event_time[min(int(share * len(event_time)), len(event_time) - 1)])
