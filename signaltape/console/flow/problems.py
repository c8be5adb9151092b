"""What is degraded, and why: a line each, with what to do. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from signaltape.fleet import Process, Series, View

#: Messages that may wait before a service without anybody being told.
_QUIET_LAG = 500
_SLOW_S, _LATE_S = 10.0, 60.0
_DAY_S = 86_400.0
_LITTLE_DISK = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """``level``: bad (something doesn't work), odd (it may soon not), note (something isn't known or not done).

    ``runbook``: heading in docs/runbook.md, "" where the line itself says all.
    """

    key: str
    level: str
    what: str
    why: str = ""
    do: str = ""
    command: str = ""
    runbook: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """What the API itself knows. ``checks``: name → (ok, detail); ``live``: models in force, None if not known."""

    checks: Mapping[str, tuple[bool, str]]
    live: int | None


_DEPENDENCIES = {
    "kafka": ("Kafka does not answer", "nothing flows; services wait and go on by themselves once it is back"),
    "postgres": ("Postgres does not answer", "nothing is stored; the log keeps it, and services go on once it is back"),
    "redis": ("Redis does not answer", "signals flow on; newest features and signals on demand are missing"),
}
_ORDER = {"bad": 0, "odd": 1, "note": 2}


def problems(view: View, rates: Mapping[Series, float], own: Own, expected: tuple[str, ...]) -> list[Problem]:
    """Everything that is degraded, the worst first. ``expected``: services that should run beside the pipeline's."""
    found = [
        *_dependencies(own),
        *_absent(view, expected),
        *(one for process in view.processes for one in _process(process)),
        *_models(view, own),
        *_waiting(view),
        *_letters(view, rates),
        *_room(view),
    ]
    first: dict[str, Problem] = {}
    for one in found:
        first.setdefault(one.key, one)
    return sorted(first.values(), key=lambda one: _ORDER[one.level])


def _dependencies(own: Own) -> Iterator[Problem]:
    for name, (what, why) in _DEPENDENCIES.items():
        ok, detail = own.checks.get(name, (True, ""))
        if not ok:
            yield Problem(
                key=name, level="odd" if name == "redis" else "bad", what=what, why=f"{detail or why}",
                do=f"Bring it back: {why}.", command="signaltape up", runbook="SignaltapeDependencyDown",
            )  # fmt: skip


def _absent(view: View, expected: tuple[str, ...]) -> Iterator[Problem]:
    known = {process.service for process in view.processes}
    for name in view.missing:
        if name not in known:
            yield Problem(
                key=f"absent {name}", level="bad", what=f"{name} does not run",
                why="no process of it has announced itself in this home, and the setting fleet.targets names none",
                do="Start it; it goes on where its checkpoint stands.", command=f"signaltape run {name}",
                runbook="SignaltapeServiceMissing",
            )  # fmt: skip
    for name in expected:
        if name not in known:
            yield Problem(
                key=f"absent {name}", level="note", what=f"{name} does not run", why=_MISSED.get(name, ""),
                do="Start it if you need that.", command=f"signaltape run {name}",
            )  # fmt: skip


_MISSED = {
    "monitor": "lag in seconds, dead letters that lie there, disk and retention are not known; "
    "messages that wait are what each service says of itself"
}


#: Checks of ``/ready`` that the runbook has a section for.
_SECTIONS = {"progress": "SignaltapeNoProgress", "models": "SignaltapeDependencyDown"}


def _process(process: Process) -> Iterator[Problem]:
    name = process.name
    if process.state in ("down", "silent"):
        yield Problem(
            key=f"{process.state} {name}", level="bad", what=f"{name} is {process.state}", why=process.error,
            do="Look at its log; a supervisor starts it again by itself." if process.state == "down"
            else "It hangs or is stopped: see its log, then restart it; it resumes where its checkpoint stands.",
            command=f"signaltape run {process.service}" + (f" --instance {process.instance}" * (process.instance > 0)),
            runbook="SignaltapeTargetDown",
        )  # fmt: skip
        return
    for check in process.unready():
        if check.name in _DEPENDENCIES:  # said once, of the dependency
            continue
        yield Problem(
            key=f"check {name} {check.name}", level="bad", what=f"{name} is not ready: {check.name}", why=check.detail,
            do="Its log says more.", runbook=_SECTIONS.get(check.name, ""),
        )  # fmt: skip
    for series, value in process.samples.items():
        label = dict(series.labels).get("model", "")
        if value and series.name == "signaltape_breaker_open":
            yield Problem(
                key=f"breaker {label}", level="bad", what=f"The breaker of {label} is open",
                why="its calls failed or came too late; its fallback answers", runbook="SignaltapeBreakerOpen",
                do="It is tried again by itself. If it stays open, roll back.", command="signaltape models rollback",
            )  # fmt: skip
        elif value and series.name == "signaltape_model_held":
            yield Problem(key=f"held {label}", level="odd", what=f"{label} is not asked",
                          why="its session is being made anew", runbook="SignaltapeStageSilent")  # fmt: skip
    if process.value("signaltape_model_calls_lost"):
        yield Problem(key=f"lost {name}", level="odd", what=f"{name} has model calls that never returned",
                      why="each occupies a core", do="Restart it when bars are quiet.")  # fmt: skip


def _models(view: View, own: Own) -> Iterator[Problem]:
    if own.live == 0:
        yield Problem(key="no model", level="odd", what="No model is live", why="bars become features, and no signal",
                      do="Register one and promote it.", command="signaltape models promote NAME")  # fmt: skip
    if view.total("signaltape_online_stale"):
        yield Problem(
            key="stale", level="odd", what="The online store may lag behind the log",
            why="Redis was away, or an agent has just started", do="It repairs itself; else refill it.",
            command="signaltape online rebuild", runbook="SignaltapeOnlineStale",
        )  # fmt: skip
    if view.total("signaltape_signals_behind"):
        yield Problem(key="behind", level="odd", what="Newest signals in Redis may lag behind the store",
                      why="Redis was away", command="signaltape online check")  # fmt: skip
    for sink, waiting in view.by_label("signaltape_alert_deliveries_waiting", "sink").items():
        if waiting:
            yield Problem(
                key=f"sink {sink}", level="odd", what=f"{waiting:g} alerts wait for {sink}",
                do="See to the receiver; they are tried again.", command="signaltape alerts list --state waiting",
                runbook="SignaltapeAlertsUndelivered",
            )  # fmt: skip


def _waiting(view: View) -> Iterator[Problem]:
    for process in view.processes:
        if process.waiting > _QUIET_LAG:
            yield Problem(
                key=f"lag {process.name}", level="odd", what=f"{process.waiting:,} messages wait before {process.name}",
                why="it is slower than what comes in, or catches up", runbook="SignaltapeNoProgress",
                do="If it stays so, start one more instance, up to one for each partition.",
            )  # fmt: skip
    late: dict[str, float] = {}
    for one in view.groups():
        late[one.group] = max(one.seconds, late.get(one.group, 0.0))
    for group, seconds in late.items():
        if seconds <= _SLOW_S:
            continue
        yield Problem(
            key=f"late {group}", level="bad" if seconds > _LATE_S else "odd",
            what=f"{group} is {seconds:,.0f} s behind", why="age of the oldest message that it has not taken",
            runbook="SignaltapeLagSeconds",
        )  # fmt: skip


def _letters(view: View, rates: Mapping[Series, float]) -> Iterator[Problem]:
    kept = {topic: count for topic, count in view.worst("signaltape_dead_letters_kept", "topic").items() if count}
    fresh = sum(rate for series, rate in rates.items() if series.name == "signaltape_dead_letters_total")
    if fresh > 0:
        yield Problem(
            key="letters now", level="bad", what="Messages are being rejected", why=f"{60 * fresh:,.3g} a minute",
            do="Look at the newest ones: what changed in the feed?", command="signaltape explain SYMBOL --at TIME",
            runbook="SignaltapeDeadLetters",
        )  # fmt: skip
    for topic, count in kept.items():
        yield Problem(
            key=f"letters {topic}", level="odd", what=f"{count:,.0f} dead letters lie in {topic}",
            why="rejected messages, with their address and the reason",
            do="Nothing is lost: read them, mend the source.", runbook="SignaltapeDeadLetters",
        )  # fmt: skip


def _room(view: View) -> Iterator[Problem]:
    for process in view.processes:
        for series, value in process.samples.items():
            labels = dict(series.labels)
            where = f"{labels.get('consumergroup')} on {labels.get('topic')}"
            if series.name == "signaltape_retention_headroom_seconds" and value < _DAY_S:
                yield Problem(
                    key=f"headroom {where}", level="bad", what=f"Messages that wait for {where} expire soon",
                    why=f"in {value / 3600:,.1f} hours at the earliest",
                    do="Let the group catch up, or keep the topic longer.", runbook="SignaltapeRetentionNear",
                )  # fmt: skip
            elif series.name == "signaltape_expired_unread_messages" and value:
                yield Problem(key=f"expired {where}", level="bad", what=f"{value:,.0f} messages expired unread",
                              why=where, command="signaltape repair", runbook="SignaltapeExpiredUnread")  # fmt: skip
            elif series.name == "signaltape_disk_free_bytes":
                whole = process.value("signaltape_disk_bytes", folder=labels.get("folder", ""))
                if whole and value < _LITTLE_DISK * whole:
                    yield Problem(
                        key=f"disk {labels.get('folder')}", level="bad", what="The disk is nearly full",
                        why=f"{value / 1e9:,.1f} GB of {whole / 1e9:,.1f} GB are free at {labels.get('folder')}",
                    runbook="SignaltapeDiskLow",
                    )  # fmt: skip
