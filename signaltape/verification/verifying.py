"""The whole verification: range, recomputation, comparison, and what came of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.history.flows import Begun, FlowChoice, begin_flows
from infra.scoring.registry import ModelRegistry
from infra.scoring.untimed import UntimedModels
from infra.settings import Settings
from infra.warehouse.connection import Connection, connect
from pipeline.verification.differences import RecordDifference
from pipeline.verification.ledger import BARS
from signaltape.verification.accounts import Accounts
from signaltape.verification.book import Book
from signaltape.verification.corrections import compare_corrections
from signaltape.verification.judging import Judge
from signaltape.verification.naming import name_differences
from signaltape.verification.plan import Plan, Question, plan
from signaltape.verification.recomputing import Cuts, Halt, recompute
from signaltape.verification.repairs import compare_repairs

_NAME = "signaltape-verify"


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """From which state a partition was computed."""

    partition: int
    begins: str
    bars: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What came of it. Counts by stage: ``equal`` rows that agree, ``near`` those of them within tolerances only.

    Counts of (stage, subject, bar time): ``undigested`` without a digest, ``rebuilt`` whose digest was made from rows,
    ``dropped`` whose rows are no longer stored, ``unproven`` with neither. ``waiting``: partition → predictions that
    the store does not have yet. ``apart``: how many (stage, subject, bar time) differ; ``differences``: the first.
    ``reached``: bar times before it were compared. ``refused``: messages that this release can't apply.
    """

    question: Question
    plan: Plan
    starts: tuple[Start, ...]
    bars: int
    bar_times: int
    equal: Mapping[str, int]
    near: Mapping[str, int]
    undigested: Mapping[str, int]
    rebuilt: Mapping[str, int]
    dropped: Mapping[str, int]
    unproven: Mapping[str, int]
    fallbacks: Mapping[str, int]
    waiting: Mapping[int, int]
    apart: int
    differences: tuple[RecordDifference, ...]
    halt: Halt | None
    reached: int
    refused: int
    seconds: float = field(compare=False)

    @property
    def verdict(self) -> str:
        """``equal``, ``different``, or ``not proven``: something that would be compared isn't there."""
        if self.differences or self.apart:
            return "different"
        return "not proven" if self.waiting or any(self.unproven.values()) else "equal"


def verify(settings: Settings, question: Question, progress: Callable[[int], None] = lambda _: None) -> Verification:
    """Take the range again from the store alone and compare. Raises HistoryError, VerificationError.

    1. Where the range lies, and what of then can't be had any more. 2. Every partition is put before it, at a kept
    state or the first bar. 3. Its log is taken again, cut otherwise, and compared stretch by stretch. 4. What differs
    is named.
    """
    began = time.monotonic()
    with connect(settings, name=_NAME) as connection, connect(settings, name=_NAME) as own, own.transaction():
        # What is stored meanwhile is not seen: neither by the plan, nor by any of the comparisons.
        own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        own.execute("SET LOCAL idle_in_transaction_session_timeout TO 0")
        known = plan(own, settings, question)  # 1.
        models = UntimedModels(ModelRegistry(settings))
        choice = FlowChoice(
            models=lambda _: models, cold=question.cold, feature_sets=tuple(one.name for one in known.sets)
        )
        begun = begin_flows(connection, settings, known.found, choice)  # 2.
        return _compare((own, settings), (known, begun), question, progress, began)


def _compare(
    where: tuple[Connection, Settings],
    what: tuple[Plan, tuple[Begun, ...]],
    question: Question,
    progress: Callable[[int], None],
    began: float,
) -> Verification:
    (connection, settings), (known, begun) = where, what
    judge = _judge(connection, known, begun, question)
    book = judge.book
    with _closing(begun):
        halt = recompute(begun, book, Cuts(rows=question.batch_rows), judge.compare, progress)  # 3.
    reached = question.end + 1 if halt is None else min(halt.event_time, question.end + 1)
    if not judge.enough:
        judge.compare(reached)
    found = name_differences(judge, question.limit, halt)  # 4.
    apart = judge.open(judge.since)
    corrected = _corrected(judge, settings, known) if halt is None and not judge.enough else []
    found = sorted([*found, *corrected], key=lambda one: one.order)
    return Verification(
        question=question,
        plan=known,
        starts=tuple(Start(partition=one.extent.partition, begins=one.begins, bars=one.extent.bars) for one in begun),
        bars=book.bars,
        bar_times=judge.bar_times + sum(1 for key, _ in apart if key.stage == BARS and not key.subject),
        equal=judge.equal,
        near=judge.near,
        undigested=judge.undigested,
        rebuilt=judge.rebuilt,
        dropped=judge.dropped,
        unproven=judge.unproven,
        fallbacks=book.fallbacks,
        waiting=book.waiting,
        apart=len(apart) + len(corrected) + (halt is not None),
        differences=tuple(found[: question.limit]),
        halt=halt,
        reached=judge.since,
        refused=sum(one.flow.refused for one in begun),
        seconds=time.monotonic() - began,
    )


def _judge(connection: Connection, known: Plan, begun: Sequence[Begun], question: Question) -> Judge:
    lanes = [one.lane for one in begun]
    generations = {lane.partition: lane.first_generation for lane in lanes}
    return Judge(
        connection=connection,
        lanes=lanes,
        names=known.names,
        book=Book(span=(question.start, question.end), names=known.names, predicted_to=known.predicted_to),
        accounts=Accounts(connection=connection, first_generations=generations),
        exact=known.exact,
        older=known.older,
        since=question.start,
    )


def _corrected(judge: Judge, settings: Settings, known: Plan) -> list[RecordDifference]:
    """Differences of corrected rows, the agent's and the repair job's; those that agree are counted."""
    found: list[RecordDifference] = []
    for stage, (some, count) in (
        ("corrections", compare_corrections(judge)),
        ("repairs", compare_repairs(judge, settings, known)),
    ):
        found += some
        judge.equal[stage] += count - len({(one.symbol, one.event_time) for one in some})
    return found


@contextmanager
def _closing(begun: Sequence[Begun]) -> Iterator[None]:
    try:
        yield
    finally:
        for one in begun:
            one.close()
