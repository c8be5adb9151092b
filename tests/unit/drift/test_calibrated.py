"""The calibrated policy, case by case: what opens an alert, what doesn't, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.drift.bands import Bands
from pipeline.drift.day import FeatureDay, SeriesDay
from pipeline.drift.policies.calibrated import CalibratedPolicy
from pipeline.drift.policies.calibrated_settings import CalibratedSettings, Shares
from pipeline.drift.policies.coefficient_chart import CoefficientChart
from pipeline.drift.policies.files import PolicyInvalid, read_policy
from pipeline.drift.policies.finding import Finding, Policy, Watch
from pipeline.drift.results import Insufficient
from pipeline.drift.training_reference import FeatureReference, TrainingReference
from tests.support.policies import CALIBRATED, CLASSIC

pytestmark = pytest.mark.unit
NAMES = tuple(f"f{number:02d}" for number in range(40))
INSIDE, FROZEN = (0.5, 0.5, 0.1), (0.5, 0.5, 0.0)


def bands(rows: int) -> Bands:
    low, high = np.tile([0.45, 0.45, 0.05], (rows, 1)), np.tile([0.55, 0.55, 1.0], (rows, 1))
    return Bands(low=low, high=high, scale=np.full((rows, 3), 0.01), sessions=500)


REFERENCE = TrainingReference(
    ic=0.04,
    ic_scale=0.05,
    score=bands(1),
    features=FeatureReference(
        feature_set="core", set_version=1, names=NAMES, counts=np.ones((40, 4), np.int64), bands=bands(40)
    ),
)


def day(
    session: int, *, ic: float | None = None, moved: dict[int, tuple[float, float, float]] | None = None
) -> SeriesDay:
    shape = np.tile(INSIDE, (40, 1))
    for row, one in (moved or {}).items():
        shape[row] = one
    known = np.ones((40, 3), np.bool_)
    return SeriesDay(
        session=session,
        values={} if ic is None else {"ic": ic},
        predicted=ic is not None,
        features=FeatureDay(names=NAMES, values={}, known=known[:, 0], shape=shape, shape_known=known),
    )


def fired(watch: Watch, days: list[SeriesDay]) -> list[Finding]:
    return [finding for one in days for finding in watch.look(one)]


def healthy_ic(session: int) -> float:
    return 0.04 + (0.05 if session % 2 else -0.05)


def test_a_healthy_year_is_silent() -> None:
    assert fired(CALIBRATED.watch(REFERENCE), [day(s, ic=healthy_ic(s)) for s in range(252)]) == []


def test_a_fall_of_the_ic_is_found_and_dated() -> None:
    days = [day(s, ic=healthy_ic(s) if s < 100 else healthy_ic(s) - 0.06) for s in range(160)]
    found = fired(CALIBRATED.watch(REFERENCE), days)
    assert [one.rule for one in found] == ["ic_fell"]
    (one,) = found
    assert one.severity == "severe"
    assert 105 <= one.session <= 140
    assert 96 <= one.onset <= 106
    assert one.budget == pytest.approx(0.5)
    assert one.threshold == pytest.approx(0.03)
    assert one.evidence["e_value"] >= one.evidence["e_threshold"] == pytest.approx(504.0)
    assert one.evidence["mean_since_onset"] < 0.03
    assert one.evidence["held_out_ic"] == 0.04


@pytest.mark.parametrize("reference", [TrainingReference(), TrainingReference(ic=-0.01, ic_scale=0.05)])
def test_without_an_ic_to_keep_nothing_is_said_of_it(reference: TrainingReference) -> None:
    assert fired(CALIBRATED.watch(reference), [day(s, ic=-0.5) for s in range(100)]) == []


def test_one_frozen_feature_is_one_warning() -> None:
    found = fired(CALIBRATED.watch(REFERENCE), [day(s, moved={7: FROZEN} if s >= 10 else None) for s in range(60)])
    assert [(one.rule, one.severity) for one in found] == [("features_moved", "warning")]
    (member,) = found[0].members
    assert member.name == "f07"
    assert member.says.startswith("frozen: churn 0.0000")
    assert member.onset == 10
    assert found[0].session <= 14


def test_forty_moving_features_are_one_alert() -> None:
    moved = dict.fromkeys(range(40), (0.8, 0.6, 0.1))
    found = fired(CALIBRATED.watch(REFERENCE), [day(s, moved=moved if s >= 10 else None) for s in range(60)])
    assert [(one.rule, one.severity, len(one.members)) for one in found] == [("features_moved_widely", "severe", 40)]


def test_few_first_then_many_are_two_alerts() -> None:
    def moved(session: int) -> dict[int, tuple[float, float, float]]:
        rows = 0 if session < 10 else 1 if session < 20 else 5
        return dict.fromkeys(range(rows), (0.2, 0.6, 0.1))

    found = fired(CALIBRATED.watch(REFERENCE), [day(s, moved=moved(s)) for s in range(60)])
    assert [(one.rule, len(one.members)) for one in found] == [("features_moved", 1), ("features_moved_widely", 4)]


def test_an_alert_that_goes_on_is_not_repeated_and_one_that_comes_back_is() -> None:
    def moved(session: int) -> bool:
        return 10 <= session < 60 or session >= 160

    days = [day(s, moved={3: (0.9, 0.5, 0.1)} if moved(s) else None) for s in range(200)]
    found = fired(CALIBRATED.watch(REFERENCE), days)
    assert [one.rule for one in found] == ["features_moved", "features_moved"]
    assert found[1].session >= 160


def test_a_rule_fires_from_its_alert_until_its_spell_has_ended() -> None:
    watch, quiet = CALIBRATED.watch(REFERENCE), 40
    firing, alarms = {}, list[Finding]()
    for session in range(160):
        alarms += watch.look(day(session, moved={3: (0.9, 0.5, 0.1)} if 10 <= session < 60 else None))
        firing[session] = watch.firing(session)
    (alarm,) = alarms
    ended = next(session for session in range(alarm.session, 160) if not firing[session])
    assert {s for s, rules in firing.items() if rules} == set(range(alarm.session, ended))
    assert firing[alarm.session] == {"features_moved"}
    assert 60 + quiet - 5 <= ended <= 60 + quiet + 20  # evidence takes a while to fade after the last odd session


def test_missing_labels_fire_until_one_comes() -> None:
    watch = CALIBRATED.watch(REFERENCE)
    for session in range(40):
        watch.look(replace(day(session), predicted=True))
    assert watch.firing(39) == {"labels_missing"}
    watch.look(day(40, ic=0.05))
    assert watch.firing(40) == frozenset()


def test_another_feature_is_told_of_while_the_first_still_moves() -> None:
    def moved(session: int) -> dict[int, tuple[float, float, float]]:
        return {0: (0.9, 0.5, 0.1)} | ({1: (0.9, 0.5, 0.1)} if session >= 100 else {})

    found = fired(CALIBRATED.watch(REFERENCE), [day(s, moved=moved(s)) for s in range(160)])
    assert [(one.rule, [member.name for member in one.members]) for one in found] == [
        ("features_moved", ["f00"]),
        ("features_moved", ["f01"]),
    ]


def test_one_wild_day_is_no_alarm() -> None:
    moved = {3: (1.0, 1.0, 1.0)}
    assert fired(CALIBRATED.watch(REFERENCE), [day(s, moved=moved if s == 50 else None) for s in range(100)]) == []


def test_a_feature_without_data_says_nothing_and_keeps_nobody_waiting() -> None:
    days = [day(s, moved={3: FROZEN, 4: FROZEN}) for s in range(20)]
    for one in days:
        assert one.features is not None
        one.features.shape_known[3] = False
    (found,) = fired(CALIBRATED.watch(REFERENCE), days)
    assert [member.name for member in found.members] == ["f04"]


def test_a_moved_score() -> None:
    watch = CALIBRATED.watch(REFERENCE)
    days = [
        replace(day(s), score_shape=np.array([[0.9, 0.5, 0.1]]), score_known=np.ones((1, 3), np.bool_))
        for s in range(10)
    ]
    (found,) = fired(watch, days)
    assert (found.rule, found.severity, found.budget) == ("score_moved", "warning", pytest.approx(0.1))


def test_labels_that_never_come_are_an_alert() -> None:
    """Eleven sessions: an overlap of one, and ten of patience. Days without predictions don't count."""
    watch = CALIBRATED.watch(REFERENCE)

    def silent(session: int, *, predicted: bool = True) -> SeriesDay:
        return replace(day(session), predicted=predicted)

    days = [day(0, ic=0.05), *map(silent, range(1, 6)), silent(6, predicted=False), *map(silent, range(7, 40))]
    (found,) = fired(watch, days)
    assert (found.rule, found.session) == ("labels_missing", 12)


def test_an_insufficient_reference_raises_nothing() -> None:
    few = Insufficient(n=3, minimum=20, reason="the reference has too few sessions")
    features = replace(REFERENCE.features, bands=few) if REFERENCE.features else None
    watch = CALIBRATED.watch(TrainingReference(score=few, features=features))
    assert fired(watch, [day(s, moved={3: FROZEN}) for s in range(10)]) == []


@pytest.mark.parametrize("policy", [CALIBRATED, CLASSIC], ids=["calibrated", "classic"])
def test_a_snapshot_changes_nothing(policy: Policy) -> None:
    rng = np.random.default_rng(2)
    days = [
        day(s, ic=float(rng.normal(0.0, 0.05)), moved={int(rng.integers(40)): (0.9, 0.1, 0.0)} if s > 30 else None)
        for s in range(120)
    ]
    for one in days:
        assert one.features is not None
        psi = {"feature_psi": rng.uniform(0, 0.22, 40)}
        object.__setattr__(one.features, "values", psi)
    whole, resumed = policy.watch(REFERENCE), policy.watch(REFERENCE)
    found = 0
    for one in days:
        state = resumed.snapshot()
        resumed = policy.watch(REFERENCE)
        resumed.restore(state)
        a, b = whole.look(one), resumed.look(one)
        assert a == b
        found += len(a)
    assert found > 0


def test_thresholds_divide_the_budget() -> None:
    """The sum over all charts of sessions a year over threshold is the budget."""
    settings = CalibratedSettings(budget=2.0)
    charts = [(settings.shares.ic, 1), (settings.shares.score, 5), (settings.shares.features, 200)]
    total = sum(count * settings.sessions_a_year / settings.threshold(share, count) for share, count in charts)
    assert total == pytest.approx(2.0)


def test_classic_features_are_grouped_and_open_once() -> None:
    def psi(session: int) -> np.ndarray:
        return np.where(np.arange(40) < (0 if session < 3 else 30), 0.3, 0.05)

    days = [day(s) for s in range(10)]
    for session, one in enumerate(days):
        assert one.features is not None
        object.__setattr__(one.features, "values", {"feature_psi": psi(session)})
    (found,) = fired(CLASSIC.watch(REFERENCE), days)
    assert (found.rule, found.session, len(found.members)) == ("features_psi", 3, 30)
    watch = CLASSIC.watch(REFERENCE)
    assert [sorted(watch.firing(one.session)) for one in days if watch.look(one) is not None] == [
        ["features_psi"] if session >= 3 else [] for session in range(10)
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind = 3", "kind is 3"),
        ("", "kind is None"),
        ("kind = [", "not TOML"),
        ('kind = "calibrated"\nbudget = 0', "budget 0"),
        ('kind = "calibrated"\n[shares]\nic = 0.9\nscore = 0.2', "together at most 1"),
        ('kind = "calibrated"\n[shares]\nicc = 0.9', "unknown setting: icc"),
        ('kind = "calibrated"\nic_stakes = [0.0]', "above 0"),
        ('kind = "classic"', "without rules"),
        ('kind = "classic"\n[[rules]]\nname = "x"', "rule x: action, days"),
        (
            (
                'kind = "classic"\n[[rules]]\nname = "x"\nmetric = "ic"\nside = "under"\nthreshold = 0\ndays = 1\n'
                'severity = "severe"\naction = ""'
            ),
            "side 'under'",
        ),
        (
            (
                'kind = "classic"\n[[rules]]\nname = "x"\nmetric = "ic"\nside = "below"\nthreshold = nan\ndays = 1\n'
                'severity = "severe"\naction = ""'
            ),
            "rule x: needs a finite threshold",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(text: str, says: str) -> None:
    with pytest.raises(PolicyInvalid, match=says):
        read_policy(text)


def test_the_file_that_ships_holds_the_defaults() -> None:
    assert CalibratedPolicy(settings=CalibratedSettings(shares=Shares())) == CALIBRATED


def test_another_setting_is_another_fingerprint() -> None:
    prints = {CALIBRATED.fingerprint, CLASSIC.fingerprint, read_policy('kind = "calibrated"\nfloor = 0.5').fingerprint}
    assert len(prints) == 3


@pytest.mark.parametrize("overlap", [1, 3, 20])
def test_the_scale_in_force_has_not_seen_labels_that_the_next_ic_shares(overlap: int) -> None:
    """The bound needs a scale known ``overlap`` observations before: the ``overlap - 1`` newest may not enter it."""

    def scale_after(values: list[float]) -> float:
        chart = CoefficientChart(CalibratedSettings(), replace(REFERENCE, overlap=overlap))
        for session, value in enumerate(values):
            chart.look(session, value)
        return float(chart.snapshot()[0])

    before = [0.04, 0.01, -0.03, 0.02] * 8
    newest = overlap - 1
    assert scale_after([*before, *[0.9] * newest]) == scale_after([*before, *[0.03] * newest])
    assert scale_after([*before, *[0.9] * overlap]) > scale_after([*before, *[0.03] * overlap])
