"""Who is there in a session, and whose labels come in time."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from pipeline.drift.simulation.scenario import Scenario
from schemas.fields import BoolArray

#: Share of the names that are there on a thin session.
_THIN = 0.6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Presence:
    """``open`` (sessions,): bars came at all. ``there``, ``labelled`` (sessions, names): bars of a name came, and its
    label matured before the session closed; None where all are.
    """

    open: BoolArray
    there: BoolArray | None
    labelled: BoolArray | None


def presence(rng: Generator, scenario: Scenario) -> Presence:
    """Draw what is missing, and what comes too late: a label that comes after its session's close does not count."""
    total, names = scenario.total, scenario.names
    is_open = rng.random(total) >= scenario.missing
    if not scenario.missing and not scenario.late:
        return Presence(open=is_open, there=None, labelled=None)
    there = _thinned(rng, rng.random(total) < scenario.missing, names) & is_open[:, None]
    labelled = there & _thinned(rng, rng.random(total) < scenario.late, names)
    labelled[rng.random(total) < scenario.late] = False
    return Presence(open=is_open, there=there, labelled=labelled)


def _thinned(rng: Generator, thin: BoolArray, names: int) -> BoolArray:
    kept = np.ones((len(thin), names), np.bool_)
    kept[thin] = rng.random((int(thin.sum()), names)) < _THIN
    return kept
