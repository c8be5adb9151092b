"""What is degraded, in words, and how the terminal shows it."""

import json
import re
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from signaltape.cli.fleet_document import degraded, fleet_document
from signaltape.cli.fleet_text import fleet_lines, fleet_picture, summary_line
from signaltape.fleet import Check, Process, Series, View, Waiting
from signaltape.service_table import PIPELINE

HOSTILE = "[red]x[/red]\x1b[31m\nsecond"


def labels(**of: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(of.items()))


def process(service: str, samples: dict[Series, float] | None = None, **values: Any) -> Process:
    base = {Series("process_resident_memory_bytes"): 1.8e8, Series("process_start_time_seconds"): time.time() - 300}
    given = {"host": "127.0.0.1", "port": 1, "pid": 99, "exists": True, "alive": True, "ready": True, **values}
    return Process(service=service, instance=0, samples=base | (samples or {}), **given)


def view(*processes: Process) -> View:
    there = {one.service for one in processes}
    others = [process(service) for service in PIPELINE if service not in there]
    return View(at_ns=time.time_ns(), processes=(*processes, *others))


def group_lag(messages: float, seconds: float) -> dict[Series, float]:
    of = labels(consumergroup="signaltape-store", topic="signals.v1", partition="0")
    return {Series("kafka_consumergroup_lag", of): messages, Series("kafka_consumergroup_lag_seconds", of): seconds}


def gone(service: str, **values: Any) -> Process:
    return Process(service=service, instance=0, host="127.0.0.1", port=1, pid=99, **values)


def whats(seen: View) -> dict[str, str]:
    return {one.what: one.runbook for one in degraded(seen, {})}


def test_a_healthy_pipeline_has_no_troubles() -> None:
    healthy = view(process("monitor", group_lag(12, 0.4)))
    assert degraded(healthy, {}) == []
    assert "nothing is degraded" in shown(healthy)
    assert summary_line(healthy, {}).endswith("degraded: nothing")


def test_what_is_degraded_is_told_alike_in_picture_lines_and_document() -> None:
    broken = Check(name="models", ok=False, detail="model ridge:2 can't be loaded")
    seen = View(
        at_ns=time.time_ns(),
        processes=(
            gone("features", exists=False, error="process 99 ended without being stopped"),
            process("inference", ready=False, checks=(broken,)),
            process("monitor", group_lag(340, 75.0)),
            gone("store", exists=True, error="no answer within 1 s: it hangs, or is stopped"),
        ),
    )
    expected = {
        "features is down": "SignaltapeTargetDown",
        "store is silent": "SignaltapeTargetDown",
        "inference is not ready: models": "SignaltapeDependencyDown",
        "signaltape-store is 75 s behind": "SignaltapeLagSeconds",
        **{f"{name} does not run": "SignaltapeServiceMissing" for name in ("responder", "drift", "ingest")},
    }
    assert whats(seen) == expected
    picture, lines, summary = shown(seen), "\n".join(fleet_lines(seen)), summary_line(seen, {})
    assert "1 of 4 processes ready" in picture
    for what in expected:
        assert what in picture
        assert what in lines
        assert what in summary
    document = json.loads(json.dumps(fleet_document(seen, {})))
    assert {one["what"]: one["runbook"] for one in document["degraded"]} == expected
    assert document["groups"] == [
        {"group": "signaltape-store", "topic": "signals.v1", "messages": 340, "seconds": 75.0}
    ]
    assert document["per_second"]["bars"] == 0.0


def test_every_runbook_section_that_is_named_exists() -> None:
    root = Path(__file__).parents[3]
    named = set(re.findall(r'"(Signaltape\w+)"', (root / "signaltape/console/flow/problems.py").read_text()))
    assert "SignaltapeDiskLow" in named
    assert named <= set(re.findall(r"^### (\w+)$", (root / "docs/runbook.md").read_text(), re.MULTILINE))


def test_two_monitors_that_say_the_same_are_not_added_up() -> None:
    seen = view(process("monitor", group_lag(10, 3.0)), process("monitor", group_lag(9, 4.0)))
    (found,) = seen.groups()
    assert (found.messages, found.seconds) == (10, 4.0)


def test_that_nothing_waits_is_an_answer_of_the_monitor() -> None:
    """What services say themselves may be as old as their last round: it counts only where no monitor tells it."""
    behind = process("store", lag=(Waiting(topic="signals.v1", partition=0, messages=5),))
    assert " waiting=0 " in summary_line(view(behind, process("monitor", group_lag(0, 0.0))), {})
    assert " waiting=5 " in summary_line(view(behind), {})


def test_what_others_wrote_is_text_and_stays_on_its_line() -> None:
    check = Check(name="models", ok=False, detail=HOSTILE)
    waiting = (Waiting(topic="bars.v1", partition=0, messages=5),)
    seen = view(process("inference", ready=False, checks=(check,), lag=waiting))
    for text in (shown(seen), "\n".join(fleet_lines(seen)), summary_line(seen, {})):
        assert "[red]x[/red]" in text
        assert "\x1b" not in text
        assert not any(line.startswith("second") for line in text.splitlines())


def shown(seen: View) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(fleet_picture(seen, {}, {"kafka": True}))
    return captured.get()
