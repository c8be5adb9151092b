"""Effects of several rounds: in their order, together while the servers are slow, and none behind a failure."""

import threading
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from consumers.feature_agent.effects import EffectThread
from consumers.feature_agent.work import Effects, Snapshot, Vectors, together
from infra.settings import Settings
from infra.warehouse.feature_rounds import PartitionRound


def round_of(partition: int, next_offset: int) -> PartitionRound:
    event = (next_offset - 1, "Watermark", next_offset, b"")
    return PartitionRound(partition=partition, epoch=7, generation=1, next_offset=next_offset, log_events=[event])


SNAPSHOT: Any = SimpleNamespace(name="snapshot")
VECTORS: Any = SimpleNamespace(name="vectors")


def effects(
    *rounds: PartitionRound, snapshots: tuple[Snapshot, ...] = (), vectors: tuple[Vectors, ...] = ()
) -> Effects:
    return Effects(rounds=rounds, snapshots=snapshots, vectors=vectors)


def offsets(one: PartitionRound) -> list[int]:
    return [event[0] for event in one.log_events]


def test_rounds_that_wait_are_joined_by_partition_in_their_order() -> None:
    waiting = deque([effects(round_of(0, 1), round_of(1, 5)), effects(round_of(1, 6)), effects(round_of(0, 2))])
    joined = together(waiting)
    assert not waiting
    assert joined.together == 3
    assert [(one.partition, one.next_offset, offsets(one)) for one in joined.rounds] == [(0, 2, [0, 1]), (1, 6, [4, 5])]


def test_nothing_is_joined_over_a_snapshot_or_a_repair_of_redis() -> None:
    waiting = deque(
        [
            effects(round_of(0, 1)),
            effects(round_of(0, 2), snapshots=(SNAPSHOT,)),
            effects(round_of(0, 3)),
            effects(vectors=(VECTORS,)),
            effects(round_of(0, 4)),
        ]
    )
    found = [together(waiting) for _ in range(4)]
    assert [[one.next_offset for one in part.rounds] for part in found] == [[2], [3], [], [4]]
    assert [part.snapshots for part in found] == [(SNAPSHOT,), (), (), ()]
    assert not waiting


class Recording(EffectThread):
    """Effects that write nowhere; ``gate`` holds the store back."""

    def __init__(self) -> None:
        super().__init__(Settings(), "bars", SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
        self.gate, self.stored = threading.Event(), []  # type: ignore[var-annotated]

    def store(self, rounds: Any, rows: Any) -> None:
        assert self.gate.wait(10)
        self.stored.append([one.next_offset for one in rounds])
        if self.stored[-1] == [13]:
            raise RuntimeError("the round was not stored")


def test_effects_keep_their_order_and_settle_waits_for_all() -> None:
    thread = Recording()
    for offset in range(1, 7):
        thread.submit(effects(round_of(0, offset)))
    assert thread.busy
    thread.gate.set()
    thread.settle()
    assert [one for stored in thread.stored for one in stored] == sorted({one for (one,) in thread.stored})
    assert thread.stored[-1] == [6]
    assert len(thread.stored) < 6, "nothing went together"
    thread.close()


def test_nothing_is_stored_behind_a_failure_which_every_call_raises() -> None:
    thread = Recording()
    thread.gate.set()
    thread.submit(effects(round_of(0, 13)))
    with pytest.raises(RuntimeError, match="not stored"):
        thread.settle()
    assert not thread.busy
    with pytest.raises(RuntimeError, match="not stored"):
        thread.submit(effects(round_of(0, 14)))
    assert thread.stored == [[13]]
    thread.close()


def test_a_stale_partition_that_moves_is_no_concern_of_its_old_owner() -> None:
    thread = Recording()
    thread._online._marks._marked.update({1, 2})
    thread.forget(1)
    assert thread.stale == {2}
    thread.close()
