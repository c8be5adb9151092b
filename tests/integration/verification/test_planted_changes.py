"""Every change of the record, or of what it follows from, is named where it is."""

import struct
from dataclasses import replace

import pytest

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.moments import to_moment, to_nanoseconds
from pipeline.verification import ledger
from schemas.codec import decode, encode
from signaltape.verification.document import document
from signaltape.verification.text import lines
from signaltape.verification.verifying import Verification
from tests.support.explained_run import FIRST, PAUSED, at
from tests.support.planted_changes import ask, changed, planted, rows

pytestmark = pytest.mark.slow

SYMBOL, BAR = "S007", PAUSED + 3
MOMENT = to_moment(at(BAR))
HERE = f"symbol = '{SYMBOL}' AND interval = '1m' AND event_time = '{MOMENT.isoformat()}'"


def flipped(value: float) -> float:
    """The neighbour that differs in the last bit."""
    return float(struct.unpack(">d", struct.pack(">q", struct.unpack(">q", struct.pack(">d", value))[0] ^ 1))[0])


def first(made: Verification) -> tuple[str, str, int, str]:
    """Stage, symbol, bar time and column of the first difference."""
    assert made.verdict == "different", made
    one = made.differences[0]
    return one.stage, one.symbol, one.event_time, one.name


def test_one_flipped_bit_of_a_feature(flown: Settings) -> None:
    (values,) = rows(flown, f"SELECT \"values\" FROM features WHERE {HERE} AND kind = 'live'")[0]
    place = rows(flown, "SELECT features FROM feature_sets WHERE feature_set = 'core'")[0][0].index("rsi_14")
    other = [*values[:place], flipped(values[place]), *values[place + 1 :]]
    with planted(flown, "features", f"UPDATE features SET \"values\" = %s WHERE {HERE} AND kind = 'live'", other):
        made = ask(flown, limit=10)
    assert first(made) == ("feature", SYMBOL, at(BAR), "rsi_14")
    (only,) = made.differences
    assert (only.recorded, only.computed, only.where) == (other[place], values[place], "core:1")
    assert (only.blame, made.apart) == (ledger.RECORD_CHANGED, 1)
    told = document(made)["differences"][0]
    assert told["recorded_bits"] == struct.pack(">d", other[place]).hex() != told["computed_bits"]
    assert told["recorded_bits"] in "\n".join(lines(made))


def test_a_dropped_bar(flown: Settings) -> None:
    with planted(flown, "bars", f"DELETE FROM bars WHERE {HERE}"):
        made = ask(flown, limit=3)
    assert first(made) == ("bar", SYMBOL, at(BAR), "(the bar)")
    assert made.apart > 3, "what comes after it differs too"


def test_a_bar_dropped_while_the_symbol_warmed_up(flown: Settings) -> None:
    """It has left no vector, but a return that matured."""
    where = f"symbol = '{SYMBOL}' AND interval = '1m' AND event_time = %s"
    with planted(flown, "bars", f"DELETE FROM bars WHERE {where}", to_moment(at(10))):
        made = ask(flown, cold=True)
    assert first(made) == ("bar", SYMBOL, at(10), "(the bar)")


def test_a_reordered_pair(flown: Settings) -> None:
    swap = (
        "UPDATE bars b SET source_offset = o.source_offset FROM bars o WHERE b.interval = '1m' AND o.interval = '1m'"
        f" AND b.symbol = '{SYMBOL}' AND o.symbol = %s AND b.symbol = o.symbol"
        " AND (b.event_time, o.event_time) IN ((%s, %s), (%s, %s))"
    )
    one, two = to_moment(at(BAR)), to_moment(at(BAR + 1))
    with planted(flown, "bars", swap, SYMBOL, one, two, two, one, count=2):
        made = ask(flown, limit=2)
    assert first(made) == ("bar", SYMBOL, at(BAR), "status")
    assert (made.differences[0].recorded, made.differences[0].computed) == ("first", "late")


def test_a_pair_of_two_symbols_reordered(flown: Settings) -> None:
    """It changes no value, so only their place can tell."""
    partition = rows(flown, f"SELECT partition FROM bars WHERE {HERE}")[0][0]
    other = rows(flown, "SELECT symbol FROM bars WHERE partition = %s AND interval = '1m' AND symbol <> %s"
                 " AND event_time = %s", partition, SYMBOL, MOMENT)[0][0]  # fmt: skip
    swap = (
        "UPDATE bars b SET source_offset = o.source_offset FROM bars o WHERE b.interval = '1m' AND o.interval = '1m'"
        " AND ((b.symbol = %(one)s AND b.event_time = %(here)s AND o.symbol = %(two)s AND o.event_time = %(next)s)"
        "  OR (b.symbol = %(two)s AND b.event_time = %(next)s AND o.symbol = %(one)s AND o.event_time = %(here)s))"
    )
    values = {"one": SYMBOL, "two": other, "here": MOMENT, "next": to_moment(at(BAR + 1))}
    for name, value in values.items():
        swap = swap.replace(f"%({name})s", f"'{value}'")
    with planted(flown, "bars", swap, count=2):
        made = ask(flown, limit=2)
    assert first(made) == ("bar", SYMBOL, at(BAR), "source_offset")


ALTERED = [
    ("features", "feature", ledger.DIGEST_CHANGED),
    ("corrections", "feature", ledger.CORRECTIONS_APART),
    ("predictions", "score", ledger.DIGEST_CHANGED),
    ("signals", "signal", ledger.DIGEST_CHANGED),
]


@pytest.mark.parametrize(("kept", "stage", "blame"), ALTERED, ids=[one[0] for one in ALTERED])
def test_one_altered_digest(flown: Settings, kept: str, stage: str, blame: str) -> None:
    newest = """SELECT event_time, subject, partition, next_offset FROM digests
        WHERE stage = %s AND interval = '1m' ORDER BY event_time DESC, subject, partition, next_offset LIMIT 1"""
    place = rows(flown, newest, kept)[0]
    where = "event_time = %s AND subject = %s AND partition = %s AND next_offset = %s"
    do = f"UPDATE digests SET second_lane = second_lane # 1 WHERE {where} AND stage = %s AND interval = '1m'"
    with planted(flown, "digests", do, *place, kept):
        made = ask(flown, limit=5)
    assert first(made) == (stage, "", to_nanoseconds(place[0]), "(the digest)")
    assert (made.differences[0].blame, made.apart) == (blame, 1)


def test_a_deleted_signal(flown: Settings) -> None:
    signal_id, time = rows(flown, f"SELECT signal_id, event_time FROM signals WHERE symbol = '{SYMBOL}'"
                           " ORDER BY event_time DESC LIMIT 1")[0]  # fmt: skip
    with planted(flown, "signals", "DELETE FROM signals WHERE signal_id = %s", signal_id):
        made = ask(flown)
    assert first(made) == ("signal", SYMBOL, to_nanoseconds(time), "(the signal)")
    assert made.differences[0].blame == ledger.RECORD_CHANGED


@pytest.mark.parametrize(
    ("table", "column", "where", "stage"),
    [
        ("predictions", "score", "strategy = 'beta'", "score"),
        ("predictions", "confidence", "strategy = 'alpha'", "score"),
        ("features", "close", "kind = 'live'", "bar"),
    ],
)
def test_one_ulp(flown: Settings, table: str, column: str, where: str, stage: str) -> None:
    was = rows(flown, f"SELECT {column} FROM {table} WHERE {HERE} AND {where}")[0][0]
    with planted(flown, table, f"UPDATE {table} SET {column} = %s WHERE {HERE} AND {where}", flipped(was)):
        made = ask(flown)
    assert first(made) == (stage, SYMBOL, at(BAR), column)
    assert (made.differences[0].recorded, made.differences[0].computed) == (flipped(was), was)


def test_a_prediction_recorded_with_another_model(flown: Settings) -> None:
    with planted(flown, "predictions", f"UPDATE predictions SET model_version = 1 WHERE {HERE} AND strategy = 'alpha'"):
        made = ask(flown, limit=5)
    assert first(made) == ("score", SYMBOL, at(BAR), "(the prediction)")
    told = {(one.where, one.recorded, one.computed, one.blame) for one in made.differences}
    assert told == {
        ("alpha/first:1/live", "stored", "none", ledger.UNWRITTEN),
        ("alpha/first:2/live", "none", "one", ledger.RECORD_CHANGED),
    }


def test_a_swapped_model_under_its_old_name(flown: Settings) -> None:
    """File, manifest and registry agree with each other, but not with what was recorded of the calls."""
    registry = ModelRegistry(flown)
    sha256 = registry.get("second", 1).sha256
    with planted(flown, "model_calls", "UPDATE model_calls SET model_sha256 = %s WHERE strategy = 'beta'", "0" * 64,
                 count=None):  # fmt: skip
        made = ask(flown)
    assert first(made)[0::3] == ("model", "sha256")
    begin = rows(flown, "SELECT min(event_time) FROM model_calls WHERE strategy = 'beta'")[0][0]
    assert made.differences[0].event_time == to_nanoseconds(begin)
    assert (made.differences[0].recorded, made.differences[0].computed) == ("0" * 64, sha256)


def test_a_model_whose_file_was_replaced(flown: Settings) -> None:
    path = ModelRegistry(flown).folder("first", 2) / "model.onnx"
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        made = ask(flown)
    finally:
        path.write_bytes(kept)
    stage, _, time, name = first(made)
    assert (stage, time, name) == ("model", at(PAUSED), "(the model)")
    assert "model first:2 can't be loaded" in str(made.differences[0].computed)
    assert made.equal["predictions"] > 0, "what lies before it was compared"
    assert f"compared up to {MOMENT.isoformat()[:11]}" in "\n".join(lines(made))


def test_a_model_that_is_gone(flown: Settings) -> None:
    folder = ModelRegistry(flown).folder("first", 2)
    folder.rename(folder.with_name("away"))
    try:
        made = ask(flown)
    finally:
        folder.with_name("away").rename(folder)
    assert first(made)[0::3] == ("model", "(the model)")


def test_a_changed_threshold_of_the_manifest(flown: Settings) -> None:
    where = "WHERE name = 'first' AND version = 2"
    (was,) = rows(flown, f"SELECT manifest::text FROM models {where}")[0]
    do = f"UPDATE models SET manifest = jsonb_set(manifest, '{{thresholds,long}}', '0.0004') {where}"
    with changed(flown, do, f"UPDATE models SET manifest = %s::jsonb {where}", was):
        made = ask(flown)
    stage, _, time, name = first(made)
    assert (stage, name, time >= at(PAUSED)) == ("decision", "direction", True)
    assert made.differences[0].blame == ledger.SOURCE_CHANGED


def test_changed_parameters_in_the_log(flown: Settings) -> None:
    """One more symbol is blocked than the operator had said, on the partition that has its bars."""
    holder = rows(flown, "SELECT DISTINCT partition FROM bars WHERE symbol = 'S005'")[0][0]
    found = rows(flown, "SELECT source_offset, payload FROM log_events WHERE type = 'ControlEvent' AND partition = %s",
                 holder)  # fmt: skip
    events = [(offset, decode(bytes(payload))) for offset, payload in found]
    ((offset, event),) = [(at_, one) for at_, one in events if "blocked_symbols" in (one.parameters or {})]
    other = encode(replace(event, parameters={"blocked_symbols": ["S002", "S005"]}))
    do = "UPDATE log_events SET payload = %s WHERE source_offset = %s AND partition = %s"
    with planted(flown, "log_events", do, other, offset, holder):
        made = ask(flown)
    stage, symbol, time, _ = first(made)
    assert (symbol, stage, time >= at(PAUSED)) == ("S005", "router", True)


@pytest.mark.parametrize("whose", ["EXISTS", "NOT EXISTS"])
def test_a_changed_correction(flown: Settings, whose: str) -> None:
    """Of the agent, under the offset of the state that it took, and of the repair job."""
    where = f"""(symbol, interval, event_time, revision) = (
        SELECT symbol, interval, event_time, revision FROM features f WHERE kind = 'correction' AND {whose} (
            SELECT FROM log_events e WHERE e.partition = f.partition AND e.type = 'StateRepair'
              AND e.source_offset = (f.revision & ((1::bigint << 40) - 1)) - 1)
        ORDER BY revision DESC, event_time DESC LIMIT 1)"""
    symbol, time = rows(flown, f"SELECT symbol, event_time FROM features WHERE {where}")[0]
    with planted(flown, "features", f"UPDATE features SET close = close + 1 WHERE {where}"):
        made = ask(flown)
    assert first(made)[1:] == (symbol, to_nanoseconds(time), "close")


def test_several_differences_in_the_order_of_the_log(flown: Settings) -> None:
    early, late = (f"symbol = '{name}' AND interval = '1m' AND event_time = '{to_moment(at(bar)).isoformat()}'"
                   for name, bar in (("S000", FIRST), ("S006", BAR + 2)))  # fmt: skip
    with (
        planted(flown, "features", f"UPDATE features SET close = close + 1 WHERE {late} AND kind = 'live'"),
        planted(flown, "predictions", f"UPDATE predictions SET score = score + 1 WHERE {early} AND strategy = 'alpha'"),
        planted(flown, "signals", "DELETE FROM signals WHERE event_time > %s", to_moment(at(BAR + 3)), count=None),
    ):
        made = ask(flown, limit=50)
        alone = ask(flown)
    told = [(one.event_time, one.stage) for one in made.differences]
    assert told == sorted(told, key=lambda one: one[0])
    assert told[:2] == [(at(FIRST), "score"), (at(BAR + 2), "bar")]
    assert {stage for _, stage in told[2:]} == {"signal"}
    assert alone.differences == made.differences[:1]
    assert alone.apart == made.apart
