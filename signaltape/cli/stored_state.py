"""The part of `signaltape status` that asks the stores: how fresh the features are, what awaits repair."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.stack import Endpoints


def stored_document(endpoints: "Endpoints") -> dict[str, Any]:
    """What the stores at these endpoints say; ``problem`` says why where they can't be asked."""
    from infra.errors import OperatorError
    from infra.settings import PostgresSettings, RedisSettings, load_settings
    from infra.warehouse import connect
    from infra.warehouse.freshness import stored_state

    settings = load_settings().model_copy(
        update={
            "postgres": PostgresSettings(dsn=endpoints.postgres_dsn),
            "redis": RedisSettings(url=endpoints.redis_url),
        }
    )
    try:
        with connect(settings, name="signaltape-status") as connection:
            state = stored_state(connection, settings.features.stale_after_s)
    except OperatorError as error:
        return {"problem": str(error)}
    if state is None:
        return {"problem": "no tables yet: `signaltape init`"}
    features = [asdict(one) | {"newest": one.newest and one.newest.isoformat()} for one in state.features]
    awaiting = [{"symbol": symbol, "interval": interval} for symbol, interval in state.awaiting_repair]
    repairs = {"open_repairs": state.open_repairs, "awaiting_repair": awaiting}
    return {"features": features, **_online(settings), **repairs}


def _online(settings: "Settings") -> dict[str, Any]:
    from infra.errors import OperatorError
    from infra.online import OnlineStore

    online = OnlineStore(settings)
    try:
        return {"online_marked_stale": online.is_stale(), "online_problem": ""}
    except OperatorError as error:
        return {"online_marked_stale": None, "online_problem": str(error)}
    finally:
        online.close()


def stored_lines(endpoints: "Endpoints") -> list[str]:
    """The same as text."""
    found = stored_document(endpoints)
    if "problem" in found:
        return [f"features  {found['problem']}"]
    lines = [f"features  {_line(one)}" for one in found["features"]] or ["features  none stored yet"]
    marked = "marked stale: writes lag behind the log" if found["online_marked_stale"] else "follows the log"
    marked = found["online_problem"] or marked
    names = [f"{one['symbol']} ({one['interval']})" for one in found["awaiting_repair"]]
    who = f": {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else ""
    return [*lines, f"online    {marked}", f"repairs   {found['open_repairs']} requests open{who}"]


def _line(one: dict[str, Any]) -> str:
    stale = f"{one['stale']} STALE" if one["stale"] else "none stale"
    name = f"{one['feature_set']} {one['set_version']}, {one['interval']}"
    counts = f"{one['warm']} symbols warm, {one['warming']} warming up"
    if one["newest"] is None:
        return f"{name}: {counts}"
    return f"{name}: {counts}, newest close {one['newest']}, {age(one['age_s'])} ago, {stale}"


def age(seconds: float) -> str:
    """A span for people.

    >>> age(59.0), age(7_200.0), age(2.0e5)
    ('59 s', '120 min', '55.6 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds <= 7_200 else f"{seconds / 3_600:.1f} h"
