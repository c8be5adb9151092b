"""Every metric of every process, in one table. Base units; few labels, and never a symbol."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

BARS = Counter("signaltape_bars_total", "Bars by what became of them.", ["outcome"])
BAR_MARKS = Counter("signaltape_bar_marks_total", "Marks on the quality of stored bars.", ["kind"])
FEATURE_VECTORS = Counter("signaltape_feature_vectors_total", "Feature vectors published.", ["feature_set"])
RETURNS = Counter("signaltape_returns_total", "Matured returns published.", ["horizon"])
DUPLICATES = Counter(
    "signaltape_duplicates_total", "Messages or rows dropped because they were seen before.", ["topic"]
)
DEAD_LETTERS = Counter("signaltape_dead_letters_total", "Messages sent to a dead-letter topic.", ["topic", "code"])
REPAIRS = Counter("signaltape_repairs_total", "Symbols recomputed by the store's repair job.", ["outcome"])
REPAIR_REQUESTS = Counter("signaltape_repair_requests_total", "Corrections that await repair.", ["reason"])
STATE_REPAIRS = Counter("signaltape_state_repairs_total", "StateRepair messages taken, by outcome.", ["outcome"])
STAGE_LATENCY = Histogram(
    "signaltape_stage_latency_seconds",
    "Time from a stage's input record (of the store, the oldest of a round) to its output.",
    ["stage"],
    buckets=_LATENCY_S,
)
BAR_TO_SIGNAL = Histogram(
    "signaltape_bar_to_signal_seconds",
    "Time from a batch of bars in the log to its signals, committed; observed once a batch that led to signals.",
    buckets=_LATENCY_S,
)
ROUND_SECONDS = Histogram(
    "signaltape_round_seconds", "Duration of one round of a service.", ["service"], buckets=_LATENCY_S
)
PREDICTIONS = Counter("model_predictions_total", "Rows scored.", ["model", "version", "status"])
PREDICTION_LATENCY = Histogram(
    "model_prediction_latency_seconds", "Duration of one model call.", ["model"], buckets=_LATENCY_S
)
FEATURE_DRIFT = Gauge(
    "model_feature_drift",
    "Newest population stability index of a feature against its training; of the scores: feature_name score.",
    ["feature_name", "model"],
)
MODEL_INFO = Gauge(
    "signaltape_model_info", "1 for each model in force at the next bar; role live, arm or shadow.",
    ["strategy", "model", "version", "role"],
)  # fmt: skip
_SHADOW = ["strategy", "model", "version"]
SHADOW_ROWS = Counter(
    "signaltape_shadow_rows_total", "Rows that a shadow and the serving model both answered.", _SHADOW
)
SHADOW_SCORE_DIFFERS = Counter(
    "signaltape_shadow_score_differs_total",
    "Of those, rows whose scores differ beyond the tolerance.",
    _SHADOW,
)
SHADOW_DIRECTION_DIFFERS = Counter(
    "signaltape_shadow_direction_differs_total", "Of those, rows whose would-be direction differs.", _SHADOW
)
SIGNALS = Counter("signaltape_signals_total", "Signals emitted.", ["signal"])
SIGNALS_HELD = Counter("signaltape_signals_held_total", "Decisions that made no signal.", ["outcome"])
ALERTS = Counter("signaltape_alerts_total", "Alerts published.", ["severity"])
DELIVERIES = Counter("signaltape_alert_deliveries_total", "Attempts to hand over an alert.", ["sink", "outcome"])
DELIVERIES_WAITING = Gauge("signaltape_alert_deliveries_waiting", "Alerts that wait for a sink.", ["sink"])
GUARD_DECISIONS = Counter("signaltape_guard_decisions_total", "What was decided about alerts.", ["mode", "outcome"])
ROWS_STORED = Counter("signaltape_rows_stored_total", "Rows written.", ["table"])
ONLINE_STALE = Gauge("signaltape_online_stale", "1 while the online store may lag behind the log.")
SIGNALS_BEHIND = Gauge("signaltape_signals_behind", "1 while newest signals in Redis may lag behind the store.")
SYMBOLS = Gauge("signaltape_symbols", "Symbols, counted for each interval, by the state of their features.", ["state"])
FEATURE_AGE = Gauge(
    "signaltape_feature_age_seconds", "Time since the newest bar that features were made of closed.",
    ["feature_set", "interval"],
)  # fmt: skip
LAG = Gauge("signaltape_lag_messages", "Messages between the position and the end.", ["topic", "partition"])
BREAKER_OPEN = Gauge("signaltape_breaker_open", "1 while a model's breaker is open.", ["model"])
MODEL_HELD = Gauge("signaltape_model_held", "1 while a model isn't asked: its session is being made anew.", ["model"])
CALLS_ABANDONED = Counter("signaltape_model_calls_abandoned_total", "Model calls that did not return.", ["model"])
CALLS_LOST = Gauge("signaltape_model_calls_lost", "Abandoned model calls that still run, each on a core.")
HTTP_REQUESTS = Counter("signaltape_http_requests_total", "Requests to the API.", ["route", "method", "status"])
HTTP_SECONDS = Histogram("signaltape_http_request_seconds", "Duration of a request.", ["route"], buckets=_LATENCY_S)
SIGNAL_READS = Counter(
    "signaltape_signal_reads_total", "Answers to get_signal, by source and reason.", ["source", "code"]
)
DEPENDENCY_UP = Gauge("signaltape_dependency_up", "1 while the dependency answers.", ["dependency"])
ERRORS = Counter("signaltape_errors_total", "Errors that the process wrote to its log.", ["service"])
WARNINGS = Counter("signaltape_warnings_total", "Warnings that the process wrote to its log.", ["service"])
_GROUP = ["consumergroup", "topic"]
GROUP_LAG = Gauge(
    "kafka_consumergroup_lag", "Messages from the first one that the group has not taken to the end.",
    [*_GROUP, "partition"],
)  # fmt: skip
GROUP_LAG_SECONDS = Gauge(
    "kafka_consumergroup_lag_seconds", "Age of the oldest message that the group has not taken; 0 if none waits.",
    [*_GROUP, "partition"],
)  # fmt: skip
RETENTION_HEADROOM = Gauge(
    "signaltape_retention_headroom_seconds", "Time until the oldest message that a group has not taken may expire.",
    _GROUP,
)  # fmt: skip
EXPIRED_UNREAD = Gauge(
    "signaltape_expired_unread_messages", "Messages that expired before the group took them.", _GROUP
)
DEAD_LETTERS_KEPT = Gauge("signaltape_dead_letters_kept", "Dead letters that a topic holds now.", ["topic"])
DATABASE_BYTES = Gauge("signaltape_database_bytes", "Size of the warehouse on its server's disk.", ["database"])
NEWEST_AGE = Gauge("signaltape_newest_row_age_seconds", "Time since the event time of a table's newest row.", ["table"])
DISK_FREE_BYTES = Gauge("signaltape_disk_free_bytes", "Space that is free where a folder lies.", ["folder"])
DISK_BYTES = Gauge("signaltape_disk_bytes", "Space in all where a folder lies.", ["folder"])
BUILD = Gauge("signaltape_build_info", "1, with the version as label.", ["service", "version"])
