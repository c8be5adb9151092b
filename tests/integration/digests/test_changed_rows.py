"""Every change that is planted in stored rows shows at its bar time, and nowhere else."""

from infra.warehouse import Connection
from pipeline.digests.tally import FEATURES, PREDICTIONS, SIGNALS
from schemas.intervals import MINUTE
from signaltape.verification.rebuilding import CHANGED, compare_with_rows
from tests.support.digest_world import BARS, SPAN, SUBJECTS
from tests.support.rounds import START

THEN = "event_time = to_timestamp({time})"
AT = "symbol = 'S2' AND " + THEN
CORE_AT = AT + " AND feature_set = 'core'"
MASKED_AT = "symbol = 'S0' AND feature_set = 'core' AND " + THEN
#: The smallest change of a normal number: its lowest bit, or two.
ULP = " * (1 + 2.220446049250313e-16::float8) WHERE "
#: Exchanges a column of two symbols.
EXCHANGED = (
    "UPDATE {table} one SET {column} = other.{column} FROM {table} other WHERE one.{of} AND other.{of}"
    " AND one.event_time = to_timestamp({{time}}) AND other.event_time = one.event_time"
    " AND (one.symbol, other.symbol) IN (('S2', 'S4'), ('S4', 'S2'))"
)
REST = (
    "seq, symbol, interval, event_time, signal, score, confidence, horizon, reference_price, position_scale, strategy,"
    " model, model_version, models, source_offset, expires_at, reason, partition, topic_offset"
)
#: What is planted → its statement, and which digests change. `{time}` is the second bar's.
PLANTED = {
    "lowest bit of a value": (
        'UPDATE features SET "values"[5] = "values"[5]' + ULP + CORE_AT,
        [(FEATURES, SUBJECTS[0])],
    ),
    "sign of a zero": ("UPDATE features SET \"values\"[1] = '0' WHERE " + CORE_AT, [(FEATURES, SUBJECTS[0])]),
    "undefined is a zero": (
        'UPDATE features SET "values"[34] = 0 WHERE ' + MASKED_AT,
        [(FEATURES, SUBJECTS[0])],
    ),
    "undefined is a NaN": (
        "UPDATE features SET \"values\"[34] = 'NaN' WHERE " + MASKED_AT,
        [(FEATURES, SUBJECTS[0])],
    ),
    "a microsecond": (
        "UPDATE features SET available_time = available_time + INTERVAL '1 microsecond' WHERE " + CORE_AT,
        [(FEATURES, SUBJECTS[0])],
    ),
    "a close": ("UPDATE features SET close = close + 1e-9 WHERE " + CORE_AT, [(FEATURES, SUBJECTS[0])]),
    "a lost vector": ("DELETE FROM features WHERE " + AT, [(FEATURES, SUBJECTS[0]), (FEATURES, SUBJECTS[1])]),
    "two vectors exchanged": (
        EXCHANGED.format(table="features", column='"values"', of="feature_set = 'core'"),
        [(FEATURES, SUBJECTS[0])],
    ),
    "lowest bit of a score": (
        "UPDATE predictions SET score = score" + ULP + "model = 'ridge' AND " + AT,
        [(PREDICTIONS, "momentum/ridge:3/live")],
    ),
    "an outcome": (
        "UPDATE predictions SET outcome = 'filtered' WHERE model = 'ridge' AND " + AT,
        [(PREDICTIONS, "momentum/ridge:3/live")],
    ),
    "two scores exchanged": (
        EXCHANGED.format(table="predictions", column="score", of="model = 'trees'"),
        [(PREDICTIONS, "momentum/trees:3/shadow")],
    ),
    "another model's bytes": (
        "UPDATE model_calls SET model_sha256 = repeat('1', 64) WHERE model = 'trees' AND partition = 0 AND " + THEN,
        [(PREDICTIONS, "momentum/trees:3/shadow")],
    ),
    "a lost call": (
        "DELETE FROM model_calls WHERE partition = 1 AND " + THEN,
        [(PREDICTIONS, "momentum/ridge:3/live"), (PREDICTIONS, "momentum/trees:3/shadow")],
    ),
    "a confidence of a signal": ("UPDATE signals SET confidence = 0.7500000000000001 WHERE " + AT, [(SIGNALS, "")]),
    "a reason": ("UPDATE signals SET reason = 'fallback' WHERE " + AT, [(SIGNALS, "")]),
    "who was merged": ("UPDATE signals SET models = ARRAY['ridge:3trees:1'] WHERE " + AT, [(SIGNALS, "")]),
    "a lost signal": ("DELETE FROM signals WHERE " + AT, [(SIGNALS, "")]),
    "a signal twice": (
        f"INSERT INTO signals SELECT signal_id || 'x', {REST} FROM signals WHERE " + AT,
        [(SIGNALS, "")],
    ),
}  # fmt: skip
TABLES = ("features", "predictions", "model_calls", "signals")


def test_every_planted_change_is_found_at_its_bar_time(filled: Connection) -> None:
    time = START + MINUTE
    for table in TABLES:
        filled.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")  # type: ignore[arg-type]
    for name, (statement, changed) in PLANTED.items():
        assert filled.execute(statement.format(time=time // 10**9)).rowcount > 0, name  # type: ignore[arg-type]
        found = list(compare_with_rows(filled, SPAN))
        assert [(one.key.stage, one.key.subject) for one in found] == changed, name
        assert {one.key.event_time for one in found} == {time}, name
        assert {one.kind for one in found} == {CHANGED}, name
        for table in TABLES:
            filled.execute(f"TRUNCATE {table}; INSERT INTO {table} TABLE kept_{table}")  # type: ignore[arg-type]
    assert list(compare_with_rows(filled, SPAN)) == []
    filled.execute("UPDATE feature_sets SET set_hash = 'other' WHERE feature_set = 'minimal'")
    assert [one.key.subject for one in compare_with_rows(filled, SPAN)] == [SUBJECTS[1]] * BARS
