"""Vetoes: said and lifted, each recorded."""

from infra.settings import Settings
from infra.warehouse import Warehouse
from infra.warehouse.guard import add_veto, lift_veto
from infra.who import current_user
from pipeline.guard.state import Veto
from schemas.times import iso
from signaltape.guarding.errors import GuardError, NoVeto, VetoedAlready
from signaltape.rollout.strategies import require_known


def veto(settings: Settings, strategy: str, reason: str, until: int | None = None) -> Veto:
    """Forbid automatic steps of a strategy until ``until`` (ns UTC), or until the veto is lifted.

    Raises EventRefused for a strategy that never had a model, VetoedAlready, WarehouseUnavailable.
    """
    _require(strategy, reason)
    require_known(settings, strategy)
    said = Veto(strategy=strategy, reason=reason, by_whom=current_user(), until=until)
    with Warehouse(settings, "signaltape-veto") as warehouse:
        held = warehouse.run(lambda connection: add_veto(connection, settings.topics.prefix, said))
    if held is not None:
        end = "until it is lifted" if held.until is None else f"until {iso(held.until)}"
        raise VetoedAlready(
            f"{strategy} is vetoed already by {held.by_whom}, {end} ({held.reason}): nothing was recorded. "
            f"`signaltape guard unveto {strategy}` lifts it first"
        )
    return said


def unveto(settings: Settings, strategy: str, reason: str) -> None:
    """Lift the veto in force. Raises NoVeto, WarehouseUnavailable."""
    _require(strategy, reason)
    with Warehouse(settings, "signaltape-veto") as warehouse:
        lifted = warehouse.run(
            lambda connection: lift_veto(connection, settings.topics.prefix, strategy, reason, current_user())
        )
    if not lifted:
        raise NoVeto(f"no veto is in force for strategy {strategy!r}: `signaltape guard status` shows those that are")


def _require(strategy: str, reason: str) -> None:
    if not strategy or not reason.strip():
        raise GuardError("a strategy and a reason are needed: the reason is recorded")
    if "\0" in strategy + reason:
        raise GuardError("strategy and reason can't hold the character NUL")
