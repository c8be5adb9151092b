"""The benchmark of reads, small: both ways give the same, and every figure is there."""

from infra.settings import Settings
from signaltape.bench.feature_reads import Size, run


def test_the_store_and_the_naive_join_agree(settings: Settings) -> None:
    found = run(settings, size=Size(entities=6, closes=70, moments=9, features=4, online=5))
    assert found["rows"] == 6 * 70
    assert found["pairs"] == 6 * 9
    assert found["equal"] is True
    assert 40 < found["known"] <= found["pairs"]
    assert found["online"]["read_p99_ms"] > found["online"]["read_p50_ms"] > 0.0
