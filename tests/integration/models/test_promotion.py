"""Promotions on a running pipeline: gates, stages, rollback, removal, a death on the way, and what was live when."""

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infra.scoring.errors import UnknownModel
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_comparisons import Comparison, add_comparison
from infra.warehouse.model_stages import StageRecord, newest_stages, stages_of
from pipeline.deployments import ModelRef
from pipeline.routing.decision import Thresholds
from signaltape.client import Control
from signaltape.model_tests import check_folder
from signaltape.promotion.errors import DecisionRefused, NothingToRollBackTo
from signaltape.promotion.history import read_decisions
from signaltape.promotion.live_at import live_at
from signaltape.promotion.stages import fill_in
from signaltape.promotion.swaps import SwapOptions, promote, rollback
from signaltape.rollout import activate
from tests.support.commands import Run, runner
from tests.support.killed import exit_code_at
from tests.support.linear_models import write_linear_model
from tests.support.serving_stand import ServingStand, serving_stand
from tests.support.waiting import wait_for

SERVICES = (("ingest", 0), ("features", 0), ("inference", 0), ("store", 0))
STRATEGY = ("--strategy", "alpha")


def ref(version: int) -> ModelRef:
    return ModelRef(name="linear", version=version)


def register_tested(stand: ServingStand, folder: Path, count: int) -> None:
    """Versions of ``linear`` whose model tests were run and kept."""
    for number in range(1, count + 1):
        place = folder / f"tested-{number}"
        made = write_linear_model(
            place, name="linear", version=0, intervals=("1s",), thresholds=Thresholds(long=1e-6, short=-1e-6),
            weights={"logret_1": -0.1 * number, "volume_z_20": -0.0001},
        )  # fmt: skip
        assert check_folder(place, made).passed
        ModelRegistry(stand.settings).register(place, made)


def judged(settings: Settings, challenger: ModelRef, champion: ModelRef, decision: str) -> None:
    """Record a comparison, as `models compare` does."""
    one = Comparison(
        challenger=challenger, champion=champion, strategy="alpha", source="live", data="1s", data_from=1_000,
        data_to=2_000, decision=decision, detail={"reasons": ["rank_ic told apart"]}, by_whom="tester",
    )  # fmt: skip
    with Warehouse(settings, "test") as warehouse:
        warehouse.run(lambda connection: add_comparison(connection, one))


def records(settings: Settings) -> dict[ModelRef, StageRecord]:
    with Warehouse(settings, "test") as warehouse:
        return warehouse.run(newest_stages)


@pytest.fixture(scope="module")
def stand(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingStand]:
    """Seven tested versions, none of them live, and bars that flow."""
    folder = tmp_path_factory.mktemp("stand")
    with serving_stand(endpoints, folder, SERVICES) as running:
        register_tested(running, folder, 7)
        running.open()
        yield running


@pytest.fixture
def run(stand: ServingStand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(stand.settings, monkeypatch, capsys)


def answered(stand: ServingStand) -> Callable[[], set[int]]:
    """Publish a bar; the versions that answered it."""
    return lambda: set(stand.predicted_everywhere(stand.bar()).values())


def test_first_promotion_has_nothing_to_beat(run: Run, stand: ServingStand) -> None:
    assert run("models", "rollback", *STRATEGY, "--reason", "x").code == 1
    before = stand.bar()
    done = run("models", "promote", "linear:1", *STRATEGY, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [(one["name"], one["passed"]) for one in document["gates"]] == [
        ("model_tests", True), ("comparison", True), ("shadow_bars", True),
    ]  # fmt: skip
    assert "no model is live" in document["gates"][1]["detail"]
    assert document["effective"] == {str(number): before + 1 for number in stand.symbols}
    assert (document["replaced"], document["forced"], len(document["instances"])) == (None, False, 1)
    assert answered(stand)() == {1}
    found = records(stand.settings)[ref(1)]
    assert (found.stage, found.strategy, found.other, found.event_id) == (
        "production",
        "alpha",
        "",
        document["event_id"],
    )
    first = run("models", "rollback", "--reason", "x")
    assert "nothing to roll back to, linear:1 is its first model" in first.err
    assert "is what is live for strategy alpha already" in run("models", "promote", "linear:1").err


def test_gates(run: Run, stand: ServingStand) -> None:
    """Closed gates leave everything as it is; a recorded verdict opens one, bars as a shadow another."""
    before = stand.controls()
    never = run("models", "promote", "linear:2")
    assert "it was never compared with linear:1, which is live" in never.err
    judged(stand.settings, ref(2), ref(1), "review")
    review = run("models", "promote", "linear:2")
    assert "(live): review: rank_ic told apart" in review.err
    judged(stand.settings, ref(2), ref(3), "promote")  # another pair
    assert run("models", "promote", "linear:2").code == 1
    judged(stand.settings, ref(2), ref(1), "promote")
    shadow = run("models", "promote", "linear:2", "--shadow-bars", 3)
    assert (shadow.code, "0 of 3 bars answered as a shadow" in shadow.err) == (1, True)
    assert (stand.controls(), answered(stand)()) == (before, {1})

    activate(stand.settings, action="shadow", strategy="alpha", ref=ref(2), reason="watch it")
    for _ in range(3):
        answered(stand)()
    wait_for(lambda: shadow_rows(stand.settings) >= 3, 30, "the shadow's bars to be stored")
    done = run("models", "promote", "linear:2", "--shadow-bars", 3)
    assert done.code == 0, done.err
    assert "3 of 3 bars answered as a shadow" in done.out
    assert answered(stand)() == {2}
    found = records(stand.settings)
    assert (found[ref(1)].stage, found[ref(1)].other) == ("archived", "linear:2")
    assert (found[ref(2)].stage, found[ref(2)].other, found[ref(2)].forced) == ("production", "linear:1", False)
    assert found[ref(2)].verdict["gates"][1]["passed"] is True
    listed = {one["version"]: one["stage"] for one in json.loads(run("models", "list", "--json").out)}
    assert (listed[1], listed[2], listed[3]) == ("archived", "production", "none")


def shadow_rows(settings: Settings) -> int:
    with connect(settings) as connection:
        row = connection.execute("SELECT count(DISTINCT event_time) FROM predictions WHERE role = 'shadow'").fetchone()
    return 0 if row is None else int(row[0])


def test_comparison_over_what_was_stored(run: Run, stand: ServingStand) -> None:
    """Three bars of a shadow are no evidence: for review, and recorded as the newest verdict of the pair."""
    for _ in range(5):
        answered(stand)()  # labels of the first bars mature
    found: dict[str, Any] = {}

    def compared() -> bool:
        ran = run("models", "compare", "linear:2", "--with", "linear:1", "--live", "--json")
        found.update(json.loads(ran.out or "{}"))
        return ran.code == 0 and found["rows"] >= 8

    wait_for(compared, 30, "labels in the store", interval_s=0.2)
    assert (found["decision"], found["source"]) == ("review", "live")


def test_untested_model_needs_force_and_a_reason(run: Run, stand: ServingStand) -> None:
    untested = stand.register(8)
    judged(stand.settings, untested, ref(2), "promote")
    refused = run("models", "promote", str(untested))
    assert (refused.code, "model_tests: it was never tested" in refused.err) == (1, True)
    assert run("models", "promote", str(untested), "--to", "staging").code == 1
    assert "--force needs --reason" in run("models", "promote", str(untested), "--force").err
    forced = run("models", "promote", str(untested), "--force", "--reason", "an emergency")
    assert forced.code == 0, forced.err
    assert "FORCED model_tests" in forced.out
    found = records(stand.settings)[untested]
    assert (found.forced, found.reason, found.other) == (True, "an emergency", "linear:2")
    back = run("models", "rollback", "--reason", "over", "--json")
    assert json.loads(back.out)["model"] == "linear:2"
    assert answered(stand)() == {2}
    assert records(stand.settings)[untested].reason == "rolled back to linear:2"


def test_bad_input_changes_nothing(run: Run, stand: ServingStand) -> None:
    head = stand.bar()
    stand.predicted_everywhere(head)
    judged(stand.settings, ref(3), ref(2), "promote")
    before = (stand.controls(), records(stand.settings))
    for arguments, message in (
        (("promote", "linear:99"), "has no version 99"),
        (("promote", "nobody"), "no model 'nobody' is registered"),
        (("promote", "linear:3", "--effective-from", head), "lies behind bars that are there already"),
        (("promote", "linear:3", "--strategy", "beta", "--to", "nowhere"), "give production or staging"),
        (("rollback", "linear:7", *STRATEGY, "--reason", "x"), "was never live for strategy alpha: promote it"),
        (("rollback", "linear:2", "--reason", "x"), "linear:2 is live already"),
        (("rollback", "linear:99", "--reason", "x"), "has no version 99"),
        (("rollback", "--strategy", "beta", "--reason", "x"), "no model was ever live for strategy 'beta'"),
        (("archive", "linear:2", "--reason", "x"), "it is live for strategy alpha"),
        (("remove", "linear:2", "--reason", "x"), "it is live for strategy alpha"),
        (("remove", "linear:1", "--reason", "x"), "one of the last two models before linear:2"),
        (("remove", "linear", "--reason", "x"), "give NAME:VERSION"),
    ):
        refused = run("models", *arguments)
        assert message in refused.err, (arguments, refused.err)
        assert refused.code in (1, 2)
    changed = ModelRegistry(stand.settings).folder("linear", 6) / "model.onnx"
    whole = changed.read_bytes()
    changed.write_bytes(whole + b"x")
    judged(stand.settings, ref(6), ref(2), "promote")
    assert "its SHA-256 is" in run("models", "promote", "linear:6", "--force", "--reason", "x").err
    changed.write_bytes(whole)
    assert (stand.controls(), records(stand.settings)) == before


def test_two_at_once_and_two_for_one_bar(stand: ServingStand) -> None:
    judged(stand.settings, ref(4), ref(2), "promote")
    wait = SwapOptions(reason="test")

    def attempt(version: int) -> str:
        try:
            promote(stand.settings, ref(version), "alpha", wait)
        except Exception as error:
            return str(error)
        return ""

    before = stand.controls()
    with ThreadPoolExecutor(2) as pool:  # 3 and 4 were both found better than 2
        said = sorted(pool.map(attempt, (3, 4)))
    assert said[0] == ""
    assert "it was never compared with linear:" in said[1]  # the other one is live by now
    winner = read_decisions(stand.settings).of("alpha").live
    assert winner is not None
    loser = ref(7 - winner.version)
    judged(stand.settings, loser, winner, "promote")
    assert f"{winner} is already promoted for this very bar" in attempt(loser.version)
    assert stand.controls() == before + 1
    stand.bar()
    with pytest.raises(NothingToRollBackTo):
        rollback(stand.settings, "alpha", winner, wait)
    with pytest.raises(DecisionRefused):
        promote(stand.settings, winner, "alpha", wait)


def promote_in_a_process(settings: Settings, version: int) -> None:
    promote(settings, ref(version), "alpha", SwapOptions(force=True, reason="killed on the way"))


@pytest.mark.parametrize(("place", "in_force"), [("promotion.5_approved", False), ("promotion.6_in_force", True)])
def test_killed_on_the_way(run: Run, stand: ServingStand, place: str, in_force: bool) -> None:
    """Before the event nothing has happened; after it the record is made up for, with the approval's words."""
    stand.predicted_everywhere(stand.bar())
    live = read_decisions(stand.settings).of("alpha").live
    before = records(stand.settings)
    code = exit_code_at(place, [__name__, "signaltape.promotion.swaps"], promote_in_a_process, stand.settings, 5)
    assert code == -signal.SIGKILL
    assert records(stand.settings) == before
    assert live is not None
    assert answered(stand)() == {5 if in_force else live.version}
    shown = json.loads(run("models", "stages", "linear", "--json").out)
    assert run("models", "stages", "linear", "--json").out == json.dumps(shown) + "\n"  # nothing is filled in twice
    found = records(stand.settings)
    if not in_force:
        assert found == before
        return
    assert (found[ref(5)].stage, found[ref(5)].forced) == ("production", True)
    assert (found[ref(5)].reason, found[ref(5)].other) == ("killed on the way", str(live))
    assert found[live].stage == "archived"


def test_event_past_all_gates_is_on_record_as_such(stand: ServingStand) -> None:
    stand.predicted_everywhere(stand.bar())
    Control(stand.settings).issue("activate", strategy="alpha", model="linear", model_version=6, reason="by the SDK")
    wait_for(lambda: answered(stand)() == {6}, 30, "the next bar of each partition")
    events = read_decisions(stand.settings).events
    assert fill_in(stand.settings, events) == 2
    assert fill_in(stand.settings, events) == 0
    found = records(stand.settings)[ref(6)]
    assert (found.stage, found.forced, found.reason, dict(found.verdict)) == (
        "production", True, "by the SDK", {"approved": False},
    )  # fmt: skip


def test_removed_and_archived(run: Run, stand: ServingStand) -> None:
    """Version 1 is no longer one of the last two before the live one; 7 was never live."""
    staged = run("models", "promote", "linear:7", "--to", "staging", "--reason", "ready")
    assert "linear:7 is in staging" in staged.out
    assert records(stand.settings)[ref(7)].stage == "staging"
    assert run("models", "archive", "linear:7", "--reason", "not needed").code == 0
    assert records(stand.settings)[ref(7)].stage == "archived"
    registry = ModelRegistry(stand.settings)
    folder = registry.folder("linear", 1)
    assert folder.is_dir()
    gone = run("models", "remove", "linear:1", "--reason", "superseded")
    assert gone.code == 0, gone.err
    assert not folder.exists()
    with pytest.raises(UnknownModel, match=r"linear:1 was removed on .* superseded"):
        registry.load("linear", 1)
    assert "was removed" in run("models", "promote", "linear:1", "--force", "--reason", "x").err
    assert run("models", "remove", "linear:1", "--reason", "again").code == 0
    versions = [one["version"] for one in json.loads(run("models", "list", "--json").out)]
    assert 1 not in versions
    listed = {one["version"]: one["stage"] for one in json.loads(run("models", "list", "--removed", "--json").out)}
    assert listed[1] == "removed"
    with Warehouse(stand.settings, "test") as warehouse:
        kept = warehouse.run(lambda connection: stages_of(connection, "linear"))
    assert [one.stage for one in kept if one.ref == ref(1)] == ["production", "archived"]
    with connect(stand.settings) as connection:
        kept_rows = connection.execute("SELECT count(*) FROM model_artifacts WHERE version = 1").fetchone()
    assert kept_rows is not None
    assert kept_rows[0] > 0


def test_live_at_is_what_answered(run: Run, stand: ServingStand) -> None:
    """For every bar and partition since the first promotion: what `live-at` says is the version that predicted."""
    stand.predicted_everywhere(stand.bar())
    predicted = stand.predicted()
    wait_for(lambda: not any(one.waiting for one in live_at(stand.settings, predicted[-1].event_time)), 30, "the store")
    assert len({one.version for one in predicted}) >= 5
    told = {at: live_at(stand.settings, at) for at in {one.event_time for one in predicted}}
    for one in predicted:
        (strategy,) = told[one.event_time][one.partition].strategies
        assert strategy.live == ref(one.version)
    last = predicted[-1]
    asked = run("models", "live-at", last.event_time, "--symbol", f"{last.symbols[0]},NOBODY", "--json")
    first, other = json.loads(asked.out)
    assert (first["of"], first["partition"], first["final"]) == (last.symbols[0], last.partition, True)
    assert first["strategies"]["alpha"]["live"] == first["strategies"]["alpha"]["serves"][0] == f"linear:{last.version}"
    assert other["strategies"]["alpha"]["live"] == f"linear:{last.version}"
    before = run("models", "live-at", "2001-01-01T00:00:00Z")
    assert before.out.count("no model") == stand.settings.topics.partitions
