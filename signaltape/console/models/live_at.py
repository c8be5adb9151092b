"""Which model was live at a bar time: what `models live-at` prints."""

from typing import Any

from infra.settings import Settings
from pipeline.deployments import Strategy
from signaltape.promotion.live_at import PartitionAnswer, live_at, of_symbol


def live_at_document(settings: Settings, at: int, symbols: list[str]) -> dict[str, Any]:
    """For each symbol, or without any for each partition. Raises TopicError, WarehouseUnavailable."""
    answers = live_at(settings, at)
    asked: list[tuple[str | None, PartitionAnswer]] = [(name, of_symbol(answers, name)) for name in symbols] or [
        (None, one) for one in answers
    ]
    return {"at": at, "answers": [_answer(name, one) for name, one in asked]}


def _answer(symbol: str | None, one: PartitionAnswer) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "partition": one.partition,
        "waiting": list(one.waiting),
        "strategies": [_strategy(strategy, symbol) for strategy in one.strategies],
    }


def _strategy(one: Strategy, symbol: str | None) -> dict[str, Any]:
    serving = one.serving
    if symbol is not None:
        serving = tuple(share.ref for share in one.shares((symbol,)) if share.rows is None or share.rows.any())
    return {
        "strategy": one.name,
        "live": None if one.live is None else str(one.live),
        "serves": list(map(str, serving)),
        "shadows": list(map(str, one.shadows)),
        "experiment": None if one.experiment is None else one.experiment.name,
    }
