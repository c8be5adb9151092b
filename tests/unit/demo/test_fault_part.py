"""The part with a planted fault: healthy to its middle, broken from there on, trained before it."""

import numpy as np

from schemas.intervals import session_of
from signaltape.demo.fault_part import fault_part
from signaltape.demo.parts import sample_part, simulated_part

PART = fault_part()
(STRETCH,) = PART.stretches
LIVE = STRETCH.live


def broken(symbol: str) -> bool:
    """True if a symbol's price stands still from the fault on, and only from there on."""
    assert PART.fault is not None
    own = LIVE.take(LIVE.symbol == symbol)
    still = np.diff(own.close) == 0.0
    return (
        bool(still[own.event_time[1:] > PART.fault.begins].all())
        and not still[own.event_time[1:] < PART.fault.begins].all()
    )


def test_the_fault_begins_in_the_middle_of_the_live_bars() -> None:
    assert PART.fault is not None
    sessions = np.unique(LIVE.event_time)
    assert sessions[len(sessions) // 2] == PART.fault.begins
    symbols = np.unique(LIVE.symbol).tolist()
    assert sum(map(broken, symbols)) == 15
    assert len(symbols) == 60
    assert f"15 of {len(symbols)} symbols" in PART.fault.what
    assert "SIMULATED" in PART.origin
    assert "from 2015-03-25 on" in PART.origin


def test_the_model_is_trained_on_healthy_bars_and_serves_the_live_ones_only() -> None:
    assert STRETCH.training.event_time.max() < STRETCH.effective_from <= LIVE.event_time.min()


def test_parts_follow_each_other_in_event_time_with_symbols_of_their_own() -> None:
    """Sessions close in their order, and an engine takes a symbol's bars from one source only."""
    real, session = sample_part().stretches[0].live, simulated_part(20, 7, 0.0).stretches[0].live
    assert session_of(int(real.event_time.max())) < session_of(int(LIVE.event_time.min()))
    assert session_of(int(LIVE.event_time.max())) < session_of(int(session.event_time.min()))
    assert STRETCH.effective_from > int(real.event_time.max())
    assert not set(LIVE.symbol.tolist()) & (set(real.symbol.tolist()) | set(session.symbol.tolist()))
