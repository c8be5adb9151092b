"""How many symbols of a partition are warm, still warming up, or await repair."""

from collections.abc import Mapping

import numpy as np

from pipeline.engine import PartitionEngine
from pipeline.engine_state import COUNT, LAST

WARM, WARMING, AWAITING_REPAIR = "warm", "warming", "awaiting_repair"
STATES = (WARM, WARMING, AWAITING_REPAIR)


def count_states(engine: PartitionEngine) -> Mapping[str, int]:
    """Count each (symbol, interval) once, by state.

    Warm: past the warm-up of every feature set, so that each publishes it. One that awaits repair is counted as that,
    warm or not: what it publishes does not follow from its stored bars until a ``StateRepair`` applies.
    """
    counts = dict.fromkeys(STATES, 0)
    needed = max(chosen.warm_up for chosen in engine.sets)
    awaiting = engine.repairs.awaiting
    for interval, state in engine.states.items():
        warm = state.marks[COUNT, : len(state.symbols)] > needed
        held = [place for name, symbol in awaiting if name == interval and (place := state.places.get(symbol, -1)) >= 0]
        counts[AWAITING_REPAIR] += len(held)
        rest = np.ones(warm.shape[0], dtype=np.bool_)
        rest[held] = False
        counts[WARM] += int(np.count_nonzero(warm & rest))
        counts[WARMING] += int(np.count_nonzero(~warm & rest))
    return counts


def newest_vectors(engine: PartitionEngine) -> dict[tuple[str, str], int]:
    """Return by (set, interval) the latest event time (ns UTC) of which the set has a vector."""
    found = {}
    for interval, state in engine.states.items():
        marks = state.marks[:, : len(state.symbols)]
        for chosen in engine.sets:
            if (warm := marks[COUNT] > chosen.warm_up).any():
                found[chosen.name, interval] = int(marks[LAST, warm].max())
    return found
