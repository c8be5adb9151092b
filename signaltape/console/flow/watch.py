"""Looks at the pipeline once a second while a page is open, and remembers the last quarter of an hour."""

import time
from collections import deque
from dataclasses import asdict
from typing import Any

from infra.errors import OperatorError
from infra.warehouse.bounded import read_bounded
from infra.warehouse.console_flow import Beginnings, beginnings
from signaltape.console.flow.picture import figures, groups, nodes, services
from signaltape.console.flow.problems import Own, Problem, problems
from signaltape.fleet import Fleet, View, rates
from signaltape.http.backend import Backend
from signaltape.service_table import PIPELINE, SERVICES

EVERY_S = 1.0
_RATES_OVER_S, _LATENCIES_OVER_S = 5.0, 60.0
_REMEMBERED_S, _POINT_EVERY_S = 900.0, 5.0
_BEGINNINGS_EVERY_S = 5.0
#: Nobody looked for so long: what was seen before says nothing of how it is now.
_AWAY_S = 15.0
#: Services beside the pipeline that something is missing without.
_EXPECTED = tuple(name for name in ("monitor",) if name in SERVICES)


class FlowWatch:
    """Makes the events of the channel ``flow``; called by one thread at a time."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._fleet = Fleet(backend.settings)
        self._views: deque[View] = deque()
        self._history: deque[dict[str, Any]] = deque(maxlen=int(_REMEMBERED_S / _POINT_EVERY_S))
        self._since: dict[str, int] = {}
        self._begun: Beginnings | None = None
        self._begun_at = self._point_at = self._made_at = float("-inf")
        self._watched_since = 0

    def make(self) -> dict[str, Any]:
        """The page's document."""
        now = time.monotonic()
        if now - self._made_at > _AWAY_S:
            self._views.clear()
            self._since.clear()
            self._watched_since = time.time_ns()
        self._made_at = now
        view = self._fleet.look()
        recent, lasting = self._before(view, _RATES_OVER_S), self._before(view, _LATENCIES_OVER_S)
        per_second, over_a_minute = rates(recent, view), rates(lasting, view)
        shown = figures(view, per_second, over_a_minute)
        own = self._own()
        self._look_for_beginnings(now, own)
        found = problems(view, per_second, own, _EXPECTED)
        self._remember(now, view, shown)
        rows, source = groups(view)
        return {
            "at": view.at_ns,
            "window_s": max(0.0, (view.at_ns - recent.at_ns) / 1e9),
            "watched_since": self._watched_since,
            "verdict": _verdict(found),
            "begun": None if self._begun is None else asdict(self._begun),
            "problems": [asdict(one) | {"since": self._since[one.key]} for one in self._dated(found, view.at_ns)],
            "dependencies": {
                name: {"ok": own.checks[name][0], "detail": own.checks[name][1]}
                for name in ("kafka", "postgres", "redis")
                if name in own.checks
            },
            "figures": shown,
            "nodes": nodes(view, (*PIPELINE, "api", *_EXPECTED)),
            "services": services(view, _cores(recent, view)),
            "groups": rows,
            "groups_from": source,
            "history": list(self._history),
        }

    def _before(self, view: View, seconds: float) -> View:
        """The newest look that is at least so old, or the oldest there is."""
        older = [one for one in self._views if view.at_ns - one.at_ns >= seconds * 1e9]
        return older[-1] if older else self._views[0] if self._views else view

    def _remember(self, now: float, view: View, shown: dict[str, Any]) -> None:
        """Looks are kept each second for what moves, then one in five seconds: they hold all metrics."""
        self._views.append(view)
        horizon = view.at_ns - (_LATENCIES_OVER_S + _RATES_OVER_S) * 1e9
        while self._views[0].at_ns < horizon:
            self._views.popleft()
        if len(self._views) > 2 * _RATES_OVER_S:
            fresh = view.at_ns - (_RATES_OVER_S + 1) * 1e9
            kept, last = deque[View](), float("-inf")
            for one in self._views:
                if one.at_ns >= fresh or one.at_ns - last >= _POINT_EVERY_S * 1e9:
                    kept.append(one)
                    last = one.at_ns
            self._views = kept
        if now - self._point_at >= _POINT_EVERY_S:
            self._point_at = now
            self._history.append({
                "at": view.at_ns,
                "bars": shown["rates"]["bars"],
                "signals": shown["rates"]["signals"],
                "waiting": shown["waiting"],
                "p99": shown["latency"]["to_signal"]["p99"],
            })  # fmt: skip

    def _dated(self, found: list[Problem], at_ns: int) -> list[Problem]:
        known = {one.key for one in found}
        self._since = {key: since for key, since in self._since.items() if key in known}
        for one in found:
            self._since.setdefault(one.key, at_ns)
        return found

    def _own(self) -> Own:
        _, report = self._backend.health.report()
        checks = {name: (bool(one["ok"]), str(one["detail"])) for name, one in report["checks"].items()}
        return Own(checks=checks, live=self._live())

    def _live(self) -> int | None:
        view = self._backend.view
        if view.failure:
            return None
        return len(
            {ref for one in view.everywhere(time.time_ns()).values() for s in one.strategies for ref in s.serving}
        )

    def _look_for_beginnings(self, now: float, own: Own) -> None:
        """Whether anything was ever stored; asked until everything has begun, and not while Postgres is away."""
        done = self._begun is not None and self._begun.all
        if not done and now - self._begun_at > _BEGINNINGS_EVERY_S and own.checks.get("postgres", (True, ""))[0]:
            self._begun_at = now
            try:
                self._begun = read_bounded(self._backend.settings, beginnings, patience_s=1.0)
            except OperatorError:
                self._begun = None  # the list says that the tables or the server are missing


def _verdict(found: list[Problem]) -> str:
    levels = {one.level for one in found}
    return "bad" if "bad" in levels else "odd" if "odd" in levels else "good"


def _cores(before: View, after: View) -> dict[tuple[str, int], float]:
    seconds = (after.at_ns - before.at_ns) / 1e9
    if seconds <= 0:
        return {}
    found = {}
    for process in after.processes:
        old = next((one for one in before.processes if (one.name, one.pid) == (process.name, process.pid)), None)
        used = None if old is None else old.value("process_cpu_seconds_total")
        now = process.value("process_cpu_seconds_total")
        if used is not None and now is not None and now >= used:
            found[process.service, process.instance] = (now - used) / seconds
    return found
