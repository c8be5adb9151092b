import numpy as np
import pytest

from producers.bar_checks import faults
from producers.bar_table import BarTable
from producers.simulation.market import MarketConfig, simulate, simulate_burst

pytestmark = pytest.mark.unit

FULL = MarketConfig(symbols=60, sessions=4, missing=0.0, ic=0.1)


def closes(table: BarTable, symbols: int) -> np.ndarray:
    return table.close.reshape(-1, symbols)


def predicted(log_return: np.ndarray) -> np.ndarray:
    """Reversal score known at each bar, computed from the bars alone."""
    score, memory = np.zeros_like(log_return), np.zeros(log_return.shape[1])
    for bar, row in enumerate(log_return):
        memory = 0.8 * memory + row / log_return.std(axis=0)
        score[bar] = -memory
    return score


def information_coefficient(table: BarTable, config: MarketConfig) -> float:
    log_return = np.diff(np.log(closes(table, config.symbols)), axis=0)
    score = predicted(log_return)
    return float(np.corrcoef(score[:-1].ravel(), (log_return[1:] / log_return.std(axis=0)).ravel())[0, 1])


def test_same_seed_same_bits_other_seed_other_bars() -> None:
    first, second = simulate(MarketConfig(symbols=5)), simulate(MarketConfig(symbols=5))
    assert first.close.tobytes() == second.close.tobytes()
    assert first.event_time.tobytes() == second.event_time.tobytes()
    assert simulate(MarketConfig(symbols=5, seed=8)).close.tobytes() != first.close.tobytes()


def test_every_bar_is_publishable_and_in_order() -> None:
    table = simulate(MarketConfig(symbols=40, sessions=3))
    assert not any(mask.any() for _, mask in faults(table))
    assert (np.diff(table.event_time) >= 0).all()
    assert 0.99 < len(table) / (40 * 3 * 390) < 1.0


def test_planted_information_coefficient_is_there_and_decays() -> None:
    assert information_coefficient(simulate(FULL), FULL) == pytest.approx(0.1, abs=0.02)
    gone = MarketConfig(symbols=60, sessions=4, missing=0.0, ic=0.1, decay_at=0)
    assert abs(information_coefficient(simulate(gone), gone)) < 0.02


def test_tails_are_fat_and_the_open_is_busier_than_noon() -> None:
    log_return = np.diff(np.log(closes(simulate(FULL), 60)), axis=0)
    standard = (log_return - log_return.mean(axis=0)) / log_return.std(axis=0)
    assert float(np.mean(standard**4)) > 4.0
    first, noon = np.abs(log_return[5:35]).mean(), np.abs(log_return[180:210]).mean()
    assert first > 1.5 * noon


def test_burst_has_one_second_bars_of_the_same_symbols() -> None:
    table = simulate_burst(MarketConfig(symbols=3, missing=0.0), seconds=20)
    assert table.interval == "1s"
    assert len(table) == 60
    assert (np.diff(np.unique(table.event_time)) == 1_000_000_000).all()


def test_frozen_and_shifted_symbols() -> None:
    config = MarketConfig(symbols=4, sessions=2, missing=0.0, fault_at=1, frozen=1, shifted=1)
    broken, healthy = (
        closes(simulate(config), 4),
        closes(simulate(MarketConfig(symbols=4, sessions=2, missing=0.0)), 4),
    )
    assert (broken[390:, 0] == broken[390, 0]).all()
    assert np.allclose(broken[390:, 1], healthy[390:, 1] * 1.3, atol=1e-3)
    assert np.array_equal(broken[:, 2:], healthy[:, 2:])


def test_a_daily_bar_is_a_whole_session_that_closes_at_its_end() -> None:
    table = simulate(MarketConfig(symbols=40, sessions=300, missing=0.0, interval="1d", ic=0.0, prefix="SIMD"))
    days = np.unique(table.event_time)
    assert not any(mask.any() for _, mask in faults(table))
    assert len(days) == 300
    assert set((days % 86_400_000_000_000 // 60_000_000_000).tolist()) == {21 * 60}
    assert {name[:4] for name in table.symbol.tolist()} == {"SIMD"}
    daily = np.diff(np.log(closes(table, 40)), axis=0).std(axis=0)
    scale = 0.02 * np.sqrt(1.0 + 0.4**2)  # the session and the gap before it
    assert float(np.median(daily)) == pytest.approx(scale * 1.1, rel=0.15)
