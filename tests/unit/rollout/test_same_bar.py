"""Which swap already acts from a bar."""

from schemas.control import ControlEvent
from signaltape.rollout.activation import _last_swap


def swap(
    offset: int, action: str = "activate", *, version: int = 1, at: int = 100, strategy: str = "s"
) -> ControlEvent:
    return ControlEvent(
        event_id=str(offset), action=action, effective_from=at, issued_at=0, issued_by="t", strategy=strategy,
        model="m", model_version=version, control_offset=offset,
    )  # fmt: skip


def held_by(*events: ControlEvent, kept: dict[int, int] | None = None) -> int | None:
    found = _last_swap(events, swap(9), kept or {})
    return None if found is None else found.control_offset


def test_newest_swap_of_the_strategy_at_that_bar() -> None:
    assert held_by() is None
    assert held_by(swap(0), swap(1, at=101), swap(2, strategy="other")) == 0
    assert held_by(swap(0), swap(1, "rollback")) == 1


def test_one_that_was_late_holds_the_bar_from_which_it_acts() -> None:
    assert held_by(swap(0, at=50), kept={0: 100}) == 0
    assert held_by(swap(0, at=50), kept={0: 99}) is None


def test_what_cannot_be_obeyed_holds_nothing() -> None:
    assert held_by(swap(0, version=0)) is None
    assert held_by(swap(0), swap(1, "rollback", version=0)) == 0
