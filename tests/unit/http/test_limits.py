"""Token buckets: what an address may do at once and lastingly, and how little is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from signaltape.http.limits import Buckets, whole_seconds


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("a", 0.25) == 0.25
    assert buckets.take("a", 0.5) == 0.0
    assert buckets.take("a", 0.5) == 0.5
    assert buckets.take("b", 0.5) == 0.0, "another address has a bucket of its own"
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5], "no more than the burst gathers"


def test_looking_takes_nothing() -> None:
    buckets = Buckets(1.0, 1)
    assert [buckets.wait_s("a", 0.0) for _ in range(3)] == [0.0] * 3
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.wait_s("a", 0.0) == 1.0


def test_no_rate_is_no_limit() -> None:
    buckets = Buckets(0.0, 1)
    assert {buckets.take("a", 0.0) for _ in range(100)} == {0.0}


@given(rate=st.floats(0.1, 100), burst=st.integers(1, 20), gaps=st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_never_more_than_burst_and_rate(rate: float, burst: int, gaps: list[float]) -> None:
    buckets, now, taken = Buckets(rate, burst), 0.0, 0
    for gap in gaps:
        now += gap
        taken += not buckets.take("a", now)
    assert taken <= burst + rate * now + 1e-6


def test_memory_is_bounded_and_the_busy_ones_are_kept() -> None:
    buckets = Buckets(1.0, 1, most=10)
    for number in range(1_000):
        assert buckets.take(f"10.0.{number // 250}.{number % 250}", 0.0) == 0.0
        buckets.take("192.0.2.1", number * 1.0)
    assert len(buckets._kept) == 10
    assert buckets.wait_s("192.0.2.1", 999.0) > 0


def test_one_network_of_ipv6_is_one_address() -> None:
    buckets = Buckets(1.0, 1)
    assert buckets.take("2001:db8:1:2::1", 0.0) == 0.0
    assert buckets.take("2001:db8:1:2:ffff::9", 0.0) > 0
    assert buckets.take("2001:db8:1:3::1", 0.0) == 0.0
    assert buckets.take("::ffff:192.0.2.1", 0.0) == 0.0
    assert buckets.take("192.0.2.1", 0.0) > 0, "the same address, written as IPv6"


def test_a_wait_is_at_least_a_second() -> None:
    assert [whole_seconds(wait) for wait in (0.01, 1.0, 1.2)] == [1, 1, 2]
