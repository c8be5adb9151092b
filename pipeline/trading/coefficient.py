"""Information coefficient: scores against what their symbols returned over the horizon."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.drift.coefficient_mean import MeanCoefficient, mean_coefficient
from pipeline.drift.information_coefficient import Correlation, spearman
from pipeline.drift.results import Insufficient
from pipeline.drift.training_reference import overlap_of
from pipeline.trading.score_ring import Pairs, ScoreRing
from pipeline.trading.section import Scores, Section
from schemas.intervals import session_of


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionCoefficient:
    """A session's mean IC over the ``times`` bar times of whose scores enough had their returns complete in it.

    ``session``: days since the Unix epoch. ``times_short``: bar times with too few names. ``names``: the most that
    one had. ``pairs``: in all. ``value`` is ``Insufficient`` where no bar time had enough.
    """

    session: int
    value: float | Insufficient
    times: int
    times_short: int
    names: int
    pairs: int


class ScoreRecord:
    """Scores joined with their returns, session by session, as the drift of models is measured.

    Memory holds the bars of the longest horizon, the pairs of one session, and a line for each session before. The
    order of batches and symbols does not matter.
    """

    def __init__(self, *, minimum_names: int = 20) -> None:
        self._minimum = minimum_names
        self._ring = ScoreRing()
        self._session: int | None = None
        self._sessions = 0
        self._bar_times = 0
        self._open: list[Pairs] = []
        self._closed: list[SessionCoefficient] = []

    def add(self, section: Section, scores: Sequence[Scores] | None = None) -> None:
        """Take a bar time, later than the one before, and its scores; None: those of its signals."""
        session = session_of(section.event_time)
        if session != self._session:
            self._closed += self._reduced()
            self._open, self._session, self._sessions = [], session, self._sessions + 1
        self._bar_times += 1
        self._open += self._ring.add(section, scores)

    def sessions(self) -> tuple[SessionCoefficient, ...]:
        """Every session in which returns were complete, the last one as far as it went, oldest first."""
        return (*self._closed, *self._reduced())

    def mean(self) -> MeanCoefficient | Insufficient:
        """Mean over sessions, its error aware of labels that sessions share."""
        found = self.sessions()
        values = [one.value for one in found if not isinstance(one.value, Insufficient)]
        if not values:
            most = max((one.names for one in found), default=0)
            reason = "too few names with a score at one bar time" if found else "no score's horizon was complete"
            return Insufficient(n=most, minimum=self._minimum, reason=reason)
        overlap = overlap_of(self._ring.horizons[-1], self._bar_times / self._sessions) - 1
        return mean_coefficient(values, overlap=overlap)

    def _reduced(self) -> list[SessionCoefficient]:
        """The open session as a line, if anything was complete in it."""
        if not self._open or self._session is None:
            return []
        times, scores, returns = (np.concatenate(columns) for columns in zip(*self._open, strict=True))
        order = np.argsort(times, kind="stable")
        cuts = np.flatnonzero(np.diff(times[order])) + 1
        values, short, names = [], [], 0
        for rows in np.split(order, cuts):
            names = max(names, len(rows))
            found = spearman(scores[rows], returns[rows], minimum=self._minimum)
            if isinstance(found, Correlation):
                values.append(found.value)
            else:
                short.append(found)
        value = math.fsum(values) / len(values) if values else max(short, key=lambda one: one.n)
        line = SessionCoefficient(
            session=self._session,
            value=value,
            times=len(values),
            times_short=len(short),
            names=names,
            pairs=len(times),
        )
        return [line]
