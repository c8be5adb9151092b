"""What closing a session says about the money that following the scores would have made."""

from pipeline.drift.config import DriftConfig
from pipeline.drift.ledger import Matured
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.profit import session_return
from pipeline.drift.results import Insufficient


def profit_metrics(
    place: Place, matured: Matured, horizon: int, profits: list[tuple[int, float]], config: DriftConfig
) -> tuple[DriftMetric, ...]:
    """``pnl``: the session's log return of following the scores; ``profits`` are those of earlier sessions."""
    result = session_return(matured.cross_sections, horizon, minimum=config.minimum_names)
    if isinstance(result, Insufficient):
        return (place.insufficient("pnl", result, {}),)
    pairs = sum(len(one.symbols) for one in matured.cross_sections)
    band = "gain" if result > 0 else "loss" if result < 0 else "flat"
    return (place.number("pnl", result, band=band, size=pairs, detail={"times": len(matured.cross_sections)}),)
