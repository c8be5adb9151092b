"""From keys whose accounts differ to single values: symbol, bar, feature, both values, and which account is alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from infra.warehouse.connection import Connection
from infra.warehouse.verification import bar_without_rows, has_bar
from pipeline.digests.tally import CORRECTIONS, FEATURES, DigestKey
from pipeline.verification.differences import (
    WHOLE,
    RecordDifference,
    compare_sheets,
    digest_difference,
)  # fmt: skip
from pipeline.verification.ledger import BARS, UNWRITTEN, Entry
from pipeline.verification.sheets import empty_like
from signaltape.verification.judging import Judge
from signaltape.verification.recomputing import Halt

_NO_BAR = "the bar is no longer stored: what was made of it, or matured with it, still is"
_NO_MODEL = "the model that was in force can't be had as it was: nothing from this bar on was compared"


def name_differences(judge: Judge, limit: int, halt: Halt | None) -> list[RecordDifference]:
    """Return at least the first ``limit`` differences, in the order of the log."""
    found: list[RecordDifference] = []
    for _, group in groupby(judge.open(judge.since), key=lambda one: one[0].event_time):
        found += _of_bar_time(judge, list(group))
        if len(found) >= limit:
            break
    else:
        if halt is not None:
            found.append(_halted(halt))
    found = [_bar_gone(judge.connection, one) for one in found]
    return sorted([*found, *_bars_gone_before(judge, found)], key=lambda one: one.order)


def _of_bar_time(judge: Judge, group: Sequence[tuple[DigestKey, Entry]]) -> Iterator[RecordDifference]:
    sheets = judge.sheets(key for key, _ in group)
    digested = {(key.stage, key.interval) for key, entry in group if entry.has_live}
    for key, entry in group:
        if key.stage == CORRECTIONS:
            yield digest_difference(key, str(entry.live), str(entry.stored), entry.blame(key.stage))
            continue
        recorded, computed = sheets.get(key), judge.book.sheet(key)
        if computed is None and entry.computed.count:
            yield digest_difference(key, str(entry.stored), str(entry.computed), entry.blame(key.stage))
            continue
        blame = entry.blame(key.stage)
        if not entry.computed.count and not entry.has_live and (key.stage, key.interval) in digested:
            blame = UNWRITTEN
        named = compare_sheets(
            key, recorded or empty_like(computed), computed or empty_like(recorded), judge.tolerance(key.stage), blame
        )
        if key.stage == BARS:
            # A row that isn't there has its own stage to say so.
            yield from (one for one in named if not (key.subject and one.whole))
        elif named:
            yield from named
        elif entry.has_live and entry.live != entry.stored:
            yield digest_difference(key, str(entry.live), str(entry.stored), blame)
        else:
            yield digest_difference(key, str(entry.stored), str(entry.computed), blame)


def _bar_gone(connection: Connection, one: RecordDifference) -> RecordDifference:
    """A vector that nothing is computed for any more: because its bar is gone?"""
    if one.name != WHOLE[FEATURES] or one.recorded != "stored":
        return one
    if has_bar(connection, one.symbol, one.interval, one.event_time):
        return one
    return replace(
        one, stage="bar", name=WHOLE[BARS], recorded="a vector of it is stored", computed="none", blame=_NO_BAR
    )


def _bars_gone_before(judge: Judge, found: Sequence[RecordDifference]) -> Iterator[RecordDifference]:
    """Bars before a difference that its symbol's returns tell of: what warms a symbol up leaves nothing else."""
    seen: set[tuple[str, str]] = set()
    for one in found:
        if one.stage not in ("bar", "feature") or not one.symbol or (one.symbol, one.interval) in seen:
            continue
        seen.add((one.symbol, one.interval))
        since = judge.book.first_time or one.event_time
        time = bar_without_rows(judge.connection, one.symbol, one.interval, since, one.event_time)
        if time is not None and time < one.event_time:
            yield replace(
                one, event_time=time, stage="bar", name=WHOLE[BARS], where="", recorded="a return of it is stored",
                computed="none", blame=_NO_BAR,
            )  # fmt: skip


def _halted(halt: Halt) -> RecordDifference:
    return RecordDifference(
        event_time=halt.event_time, stage="model", symbol=halt.symbol, interval=halt.interval, where="",
        name="(the model)", recorded="it was in force", computed=halt.reason, blame=_NO_MODEL, offset=halt.offset,
    )  # fmt: skip
