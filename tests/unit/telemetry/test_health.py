"""Health looks at progress, not at liveness."""

from prometheus_client import REGISTRY

from infra.telemetry.health import Health


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def fresh() -> tuple[Health, Clock]:
    clock = Clock()
    health = Health(stall_s=10.0, clock=clock)
    health.ready("started", True)
    return health, clock


def test_a_process_is_not_ready_before_it_says_so() -> None:
    health = Health()
    assert not health.report()[0]
    health.ready("started", True)
    assert health.report()[0]


def test_one_condition_that_fails_is_enough_and_is_named() -> None:
    health, _ = fresh()
    health.ready("postgres", False, "connection refused")
    ok, detail = health.report()
    assert not ok
    assert detail["checks"]["postgres"] == {"ok": False, "detail": "connection refused"}
    health.ready("postgres", True)
    assert health.report()[0]


def test_standing_still_with_messages_waiting_is_stalled() -> None:
    health, clock = fresh()
    health.progress("bars.v1", 0, 100, 5)
    clock.now = 10.0
    health.progress("bars.v1", 0, 100, 7)
    assert health.report()[0]
    clock.now = 10.5
    ok, detail = health.report()
    assert not ok
    assert detail["checks"]["progress"]["detail"] == "bars.v1[0] stands at 100 with 7 messages waiting"


def test_moving_slowly_is_not_stalled() -> None:
    health, clock = fresh()
    for step in range(20):
        clock.now = step * 9.0
        health.progress("bars.v1", 0, step, 1_000)
        assert not health.stalled()


def test_waiting_at_the_end_is_not_stalled_however_long() -> None:
    health, clock = fresh()
    health.progress("bars.v1", 0, 100, 0)
    clock.now = 1_000.0
    assert not health.stalled()
    health.progress("bars.v1", 0, 100, 3)
    clock.now = 1_009.0
    assert not health.stalled()
    clock.now = 1_010.5
    assert health.stalled()


def test_a_partition_that_left_is_forgotten() -> None:
    health, clock = fresh()
    health.progress("bars.v1", 0, 100, 5)
    health.progress("bars.v1", 1, 100, 5)
    clock.now = 11.0
    health.forget("bars.v1", 0)
    health.forget("bars.v1", 0)
    assert health.stalled() == ["bars.v1[1] stands at 100 with 5 messages waiting"]
    lags = [
        REGISTRY.get_sample_value("signaltape_lag_messages", {"topic": "bars.v1", "partition": one}) for one in "01"
    ]
    assert lags == [None, 5.0]
