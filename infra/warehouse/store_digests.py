"""Digests of what a round of the store adds: of its messages, without those whose rows were there before.

A message that comes again (a writer that wasn't sure of it, a log read anew after a repair) leaves no row, so it leaves
no digest either.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from infra.warehouse.bulk import Rows
from infra.warehouse.digest_rows import DigestPart, RoundPlace, digest_rows
from infra.warehouse.round_writer import NewRows
from pipeline.digests.tally import Tally
from schemas.predictions import PredictionBatch

if TYPE_CHECKING:
    from infra.warehouse.store_rounds import StoreRound

Message = TypeVar("Message")

#: Table → columns that tell its rows apart within a round. A call's row stands for its rows of `predictions`.
TOLD = {
    "model_calls": ("partition", "source_offset", "interval", "strategy", "model", "model_version", "role"),
    "signals": ("signal_id",),
}


def store_digests(rounds: Sequence["StoreRound"], new: NewRows) -> Rows:
    """Rows of `digests`. ``new``: what was added of the tables in `TOLD`, None if all of it."""
    calls = None if new is None else set(new["model_calls"])
    signals = None if new is None else set(new["signals"])
    parts: list[DigestPart] = []
    for one in rounds:
        batches = [batch for _, batch in one.predictions if batch.symbols]
        parts += _prediction_parts(one, _added(batches, [_call(batch, one.partition) for batch in batches], calls))
        sent = [signal for _, signal in one.signals]
        tally = Tally()
        tally.signals(_added(sent, [(signal.signal_id,) for signal in sent], signals))
        parts.append((_place(one), tally))
    return digest_rows(parts)


def _prediction_parts(one: "StoreRound", batches: Iterable[PredictionBatch]) -> list[DigestPart]:
    """One part for each arithmetic that scored: after a rebalance there may be two within a round."""
    found: dict[str, list[PredictionBatch]] = {}
    for batch in batches:
        found.setdefault(batch.numerics or "", []).append(batch)
    parts = []
    for numerics, scored in found.items():
        tally = Tally()
        tally.predictions(*scored)
        parts.append((_place(one, numerics), tally))
    return parts


def _added(
    messages: Sequence[Message], keys: Sequence[tuple[Any, ...]], new: set[tuple[Any, ...]] | None
) -> Sequence[Message]:
    """The messages that were added, each once: what is found is taken out of ``new``."""
    if new is None:
        return messages
    found = []
    for message, key in zip(messages, keys, strict=True):
        if key in new:
            new.remove(key)
            found.append(message)
    return found


def _call(batch: PredictionBatch, partition: int) -> tuple[Any, ...]:
    own = (batch.interval, batch.strategy, batch.model, batch.model_version, batch.role)
    return partition, batch.source_position[0], *own


def _place(one: "StoreRound", numerics: str = "") -> RoundPlace:
    return RoundPlace(
        partition=one.partition, generation=one.generation, next_offset=one.next_offset, numerics=numerics
    )
