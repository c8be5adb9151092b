"""Reconciliation: nothing lost, nothing twice, shown by counting both sides in different places.

One side is counted from the topics by fresh read_committed consumers, the other by SQL; closed forms tie the stages
together. Every line compares rows by key and symbol, with sums over their times and positions, so that one row lost
and another doubled do not cancel.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import IsolationLevel

from infra.online import OnlineStore, OnlineUnavailable
from infra.online.comparison import compare as compare_online
from infra.settings import Settings
from infra.warehouse.added_sets import publication_starts
from infra.warehouse.connection import Connection, connect
from infra.warehouse.models import list_models
from infra.warehouse.queries import queries
from pipeline.features import FEATURE_SETS
from schemas.alerts import Alert
from schemas.control import ControlEvent
from schemas.topics import TopicNames
from signaltape.reconciliation import correction_side, decision_log, log_side, table_side
from signaltape.reconciliation.correction_side import closed_form
from signaltape.reconciliation.log_side import Counted
from signaltape.reconciliation.reading import read_buried, read_messages
from signaltape.reconciliation.tally import Key, Line, Sums, compare, compare_counts, counts_of, total


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """All lines, in the order of the flow."""

    rows: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """True if every line reconciles."""
        return all(row.ok for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """The result under its public names."""
        return {"reconciled": self.ok, "reconciliation": [row.as_json() for row in self.rows]}


def reconcile(settings: Settings, progress: Callable[[str], None] = lambda _: None) -> Reconciliation:
    """Count both sides of every stage. The services should be at rest: what is on its way shows as a difference."""
    with connect(settings, name="signaltape-reconcile") as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        # Between two queries a whole topic is read: the session is not idle, it is busy elsewhere.
        connection.execute("SET idle_in_transaction_session_timeout TO 0")
        with connection.transaction():
            return reconcile_on(connection, settings, progress)


def reconcile_on(
    connection: Connection, settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> Reconciliation:
    """The same within the caller's transaction: what that has changed is seen."""
    names = TopicNames(settings.topics.prefix)
    manifests = {(row.name, row.version): row.manifest for row in list_models(connection)}
    progress("bars")
    bars = log_side.count_bars(settings)
    generations = table_side.generations_of(connection, "features", names.bars)
    lines = _bar_lines(connection, bars, generations)
    progress("features")
    features = decision_log.count_features(settings, manifests, publication_starts(connection, names.bars))
    lines += _feature_lines(connection, settings, features, bars.bars.firsts, generations)
    progress("returns")
    lines += _return_lines(connection, settings, bars.bars.firsts, generations)
    lines += correction_side.lines(connection)
    progress("predictions and signals")
    lines += _decision_lines(connection, settings, features)
    progress("control, alerts and the online store")
    lines += [_control_line(connection, settings), _alert_line(connection, settings)]
    lines.append(_online_line(connection, settings))
    return Reconciliation(rows=tuple(lines))


def _bar_lines(connection: Connection, bars: log_side.BarsLog, generations: Mapping[int, int]) -> list[Line]:
    starts = bars.bars.firsts
    table = table_side.tally_table(connection, "bars", starts, generations)
    kept = table_side.kept_from_before(connection, generations, bars.keys)
    wanted = bars.bars.tally.by_symbol()
    if kept:
        # Rows of an earlier log under the same keys stand for those of this one: only counts can be compared then.
        here = {key: count - kept.get(key, (0, 0, 0))[0] for key, count in counts_of(wanted).items()}
        detail = compare_counts(here, counts_of(table), ("log", "table"))
    else:
        detail = compare(wanted, table)
    stored = Line(
        stage="bars → table",
        in_=bars.bars.published,
        out=total(table.values()),
        duplicates=bars.bars.duplicates + total(kept.values()),
        dead_lettered=bars.bars.dead_lettered,
        detail=detail,
    )
    events = table_side.tally_table(connection, "log events", starts, generations)
    return [stored, _line("other messages of bars → table", bars.events, events)]


def _feature_lines(
    connection: Connection, settings: Settings, features: decision_log.FeaturesLog, first_offsets: Mapping[int, int],
    generations: Mapping[int, int],
) -> list[Line]:  # fmt: skip
    topic = TopicNames(settings.topics.prefix).bars
    table = table_side.tally_table(connection, "features", features.vectors.firsts, generations, topic)
    lines = [_line("features → table", features.vectors, table)]
    if _complete(first_offsets):
        bars, loaded = table_side.first_bars(connection)
        late = table_side.late_bars(connection)
        live = Counter(counts_of(features.live.by_symbol()))
        live.update(table_side.added_features(connection, topic, generations))
        seen = {key: count for key, count in live.items() if key[1:] not in loaded}
        expected = {
            (name, *key): closed_form(count, late.get(key, 0), FEATURE_SETS[name].warm_up, seen.get((name, *key), 0))
            for name in settings.engine.feature_sets
            for key, count in bars.items()
        }
        lines.append(_closed("features = Σ max(0, bars − warm-up)", expected, seen))
    return lines


def _return_lines(
    connection: Connection, settings: Settings, first_offsets: Mapping[int, int], generations: Mapping[int, int]
) -> list[Line]:
    returns, live = log_side.count_returns(settings)
    table = table_side.tally_table(connection, "returns", returns.firsts, generations)
    lines = [_line("returns → table", returns, table)]
    if not _complete(first_offsets):
        return lines
    bars, loaded = table_side.first_bars(connection)
    late = table_side.late_bars(connection)
    counts = {key: count for key, count in live.items() if (key[0], key[2]) not in loaded}
    for horizon in settings.engine.horizons:
        seen = {(interval, symbol): count for (interval, h, symbol), count in counts.items() if h == horizon}
        expected = {key: closed_form(count, late.get(key, 0), horizon, seen.get(key, 0)) for key, count in bars.items()}
        lines.append(_closed(f"returns({horizon}) = Σ max(0, bars − {horizon})", expected, seen))
    return lines


def _decision_lines(connection: Connection, settings: Settings, features: decision_log.FeaturesLog) -> list[Line]:
    predictions, emitted = decision_log.count_predictions(settings)
    wanted, seen = features.expected.by_symbol(), predictions.tally.by_symbol()
    signals = decision_log.count_signals(settings)
    table = table_side.tally_table(connection, "predictions", predictions.firsts)
    signal_table = table_side.tally_table(connection, "signals", signals.signals.firsts)
    return [
        Line(
            stage="predictions = warm vectors × models",
            in_=total(wanted.values()),
            out=total(seen.values()),
            detail=compare(wanted, seen, ("features topic", "predictions topic")),
        ),
        _line("predictions → table", predictions, table),
        Line(stage="signals = decisions emitted", in_=emitted, out=signals.signals.published),
        Line(stage="numbers of signals without a gap", in_=signals.spanned, out=signals.numbered),
        _line("signals → table", signals.signals, signal_table),
    ]


def _control_line(connection: Connection, settings: Settings) -> Line:
    topic = TopicNames(settings.topics.prefix).control
    buried = read_buried(settings, topic)
    offsets = {record.offset for record, message in read_messages(settings, topic) if isinstance(message, ControlEvent)}
    wanted = {(offset,): 1 for offset in offsets if (0, offset) not in buried.messages}
    rows = connection.execute(queries("reconcile")["deployments"], {"topic": topic})
    table = {(row[0],): 1 for row in rows}
    detail = compare_counts(wanted, table, ("topic", "table"))
    dead = len(offsets) - len(wanted)
    return Line(stage="control → deployments", in_=len(offsets), out=len(table), dead_lettered=dead, detail=detail)


def _alert_line(connection: Connection, settings: Settings) -> Line:
    found = [
        message.alert_id
        for _, message in read_messages(settings, TopicNames(settings.topics.prefix).alerts)
        if isinstance(message, Alert)
    ]
    table = [row[0] for row in connection.execute(queries("reconcile")["alerts"])]
    wanted = {(alert,): 1 for alert in found}
    detail = compare_counts(wanted, {(alert,): table.count(alert) for alert in table}, ("topic", "table"))
    waiting = connection.execute(queries("reconcile")["waiting alerts"]).fetchone()
    if waiting is not None and waiting[0]:
        detail = detail or f"{waiting[0]} alerts wait in the outbox"
    return Line(
        stage="alerts ↔ table", in_=len(found), out=len(table), duplicates=len(found) - len(wanted), detail=detail
    )


def _online_line(connection: Connection, settings: Settings) -> Line:
    stage, store = "newest vectors → Redis", OnlineStore(settings)
    try:
        found = compare_online(connection, store)
        stale = "an agent has marked it stale" if store.is_stale() else ""
    except OnlineUnavailable as error:
        return Line(stage=stage, in_=0, out=0, detail=str(error))
    finally:
        store.close()
    faults = [f"{symbol} {fault}" for one in found for symbol, fault in one.examples]
    equal = sum(one.stored - one.missing - one.different for one in found)
    return Line(stage=stage, in_=sum(one.stored for one in found), out=equal, detail="; ".join(faults) or stale)


def _line(stage: str, counted: Counted, table: Mapping[Key, Sums]) -> Line:
    return Line(
        stage=stage,
        in_=counted.published,
        out=total(table.values()),
        duplicates=counted.duplicates,
        dead_lettered=counted.dead_lettered,
        detail=compare(counted.tally.by_symbol(), table),
    )


def _closed(stage: str, expected: Mapping[Key, int], seen: Mapping[Key, int]) -> Line:
    detail = compare_counts(expected, seen, ("closed form", "topic"))
    return Line(stage=stage, in_=sum(expected.values()), out=sum(seen.values()), detail=detail)


def _complete(first_offsets: Mapping[int, int]) -> bool:
    """True if the log is there from its first message on: closed forms need all bars."""
    return all(offset == 0 for offset in first_offsets.values())
