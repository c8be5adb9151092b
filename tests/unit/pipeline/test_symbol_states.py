"""Warm, warming, awaiting repair: each symbol counted once for each interval."""

from dataclasses import replace

from pipeline.engine import PartitionEngine
from pipeline.symbol_states import count_states, newest_vectors
from tests.support.engine_log import ONE, OPEN, market, run


def test_a_symbol_is_warming_then_warm_and_awaits_repair_until_one_applies() -> None:
    source, engine = market(4, 60, 3), PartitionEngine(ONE)
    assert count_states(engine) == {"warm": 0, "warming": 0, "awaiting_repair": 0}
    warm_up = max(chosen.warm_up for chosen in engine.sets)
    run([OPEN, *(source.batch(at, [0, 1]) for at in range(warm_up))], engine)
    assert count_states(engine) == {"warm": 0, "warming": 2, "awaiting_repair": 0}
    run([source.batch(warm_up)], engine, warm_up + 1)
    assert count_states(engine) == {"warm": 2, "warming": 1, "awaiting_repair": 0}
    revised = source.batch(warm_up, [1])
    run([replace(revised, revision=1, volume=revised.volume + 1.0)], engine, warm_up + 2)
    assert count_states(engine) == {"warm": 1, "warming": 1, "awaiting_repair": 1}
    repaired = engine.state_repair(source.symbols[1], "1m", as_of_offset=warm_up + 2)
    run([repaired], engine, warm_up + 3)
    assert count_states(engine) == {"warm": 2, "warming": 1, "awaiting_repair": 0}


def test_the_newest_vector_is_that_of_the_latest_warm_symbol() -> None:
    source, engine = market(4, 60, 3), PartitionEngine(ONE)
    warm_up = max(chosen.warm_up for chosen in engine.sets)
    run([OPEN, *(source.batch(at, [0]) for at in range(warm_up))], engine)
    assert newest_vectors(engine) == {}
    run([source.batch(at) for at in range(warm_up, warm_up + 2)], engine, warm_up + 1)
    assert set(newest_vectors(engine).values()) == {source.batch(warm_up + 1).event_time}
