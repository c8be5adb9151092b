"""The first dashboard in an incident: is it up, does it move, how late is it."""

from scripts.dashboards.pipeline_trouble import ERRORS, LAG, SATURATION
from scripts.dashboards.promql import buckets, quantiles, rate, rates
from scripts.dashboards.spec import GREEN, ORANGE, RED, Dashboard, Mark, Metric, Panel, Section, Variable

MARKS = (
    Mark(title="Alerts about models", rows="marks.alerts", colour="red"),
    Mark(title="Control events", rows="marks.control", colour="blue"),
)
_NONE_IS_FINE = ((None, GREEN), (1, RED))
#: A standby of the drift agent or the responder is not active, and that is what it is for.
_NOT_READY = 'min by (job, instance) (signaltape_dependency_up{dependency!~"active|assigned"}) == 0'
_FIRST = 'outcome="first"'

NOW = Section(
    title="Now",
    height=4,
    panels=(
        Panel(
            kind="stat", title="Targets that do not answer", width=4, steps=_NONE_IS_FINE,
            shows="Processes that Prometheus is told of and can't reach. Normal: 0.",
            do="start the process again; `signaltape status` names the ones that are there.",
            runbook="SignaltapeTargetDown", queries=(Metric(expr="count(up == 0) or vector(0)", instant=True),),
        ),
        Panel(
            kind="stat", title="Processes that are not ready", width=4, steps=_NONE_IS_FINE,
            shows="Processes of which a dependency or condition is missing. Normal: 0, but for seconds after a start.",
            do="the panel *Dependencies* below says which one; `/ready` of the process says why.",
            runbook="SignaltapeDependencyDown",
            queries=(Metric(expr=f"count({_NOT_READY}) or vector(0)", instant=True),),
        ),
        Panel(
            kind="stat", title="Alerts of Prometheus that fire", width=4, steps=_NONE_IS_FINE,
            shows="Rules whose condition has held for as long as they ask. Normal: 0.",
            do="the list is under Alerts in Prometheus; each has a section in the runbook.",
            runbook="SignaltapeTargetDown",
            queries=(Metric(expr='count(ALERTS{alertstate="firing"}) or vector(0)', instant=True),),
        ),
        Panel(
            kind="stat", title="Oldest message that waits", width=4, unit="s",
            steps=((None, GREEN), (5, ORANGE), (60, RED)),
            shows="Age of the oldest message that some consumer group has not read. Normal: below a second.",
            do="find the group in *Age of the oldest unread message*, then its process.",
            runbook="SignaltapeLagSeconds",
            queries=(Metric(expr="max(kafka_consumergroup_lag_seconds)", instant=True),),
        ),
        Panel(
            kind="stat", title="Bars a second", width=4, unit="cps",
            shows="Bars seen for the first time. Normal: what your feed sends; 0 outside of the session.",
            do="0 within a session: look at the feed handler, then at the ingest.", runbook="SignaltapeBarsStopped",
            queries=(Metric(expr=rate("signaltape_bars_total", where=_FIRST) + " or vector(0)"),),
        ),
        Panel(
            kind="stat", title="Signals a second", width=4, unit="cps",
            shows="Signals of all strategies and directions. With emission on change, few once directions stand.",
            do="0 while bars come in: the dashboard *Signals* says what held them.", runbook="SignaltapeNoSignal",
            queries=(Metric(expr=rate("signaltape_signals_total") + " or vector(0)"),),
        ),
    ),
)  # fmt: skip

TRAFFIC = Section(
    title="Rate",
    panels=(
        Panel(
            kind="lines", title="Messages made, by stage", unit="cps", width=12,
            shows="Bars, feature vectors, returns, predictions and signals a second. They rise and fall together.",
            do="the first stage of the row that is flat while the one before it moves is where to look.",
            runbook="SignaltapeStageSilent",
            queries=(
                Metric(expr=rate("signaltape_bars_total", where=_FIRST), legend="bars"),
                Metric(expr=rate("signaltape_feature_vectors_total"), legend="feature vectors"),
                Metric(expr=rate("signaltape_returns_total"), legend="returns"),
                Metric(expr=rate("model_predictions_total"), legend="predictions"),
                Metric(expr=rate("signaltape_signals_total"), legend="signals"),
            ),
        ),
        Panel(
            kind="stacked", title="Bars, by what became of them", unit="cps", width=12,
            shows="first: new; ingested: came through bars-in; late, correction: after their time; secondary: a second "
            "source; rejected, dead_lettered: refused.",
            do="a rise of late or refused bars is a change at the feed: see `signaltape quality report`.",
            runbook="SignaltapeLateBars", queries=(rates("signaltape_bars_total", "outcome"),),
        ),
        Panel(
            kind="stacked", title="Rows written, by table", unit="cps",
            shows="Rows that the feature agent and the store wrote. Normal: follows the stages.",
            do="flat while messages are made: Postgres or the store.", runbook="SignaltapeStageSilent",
            queries=(rates("signaltape_rows_stored_total", "table"),),
        ),
        Panel(
            kind="stacked", title="Marks on bars, by kind", unit="cps",
            shows="Gaps, spikes, stale prices, zero volume. A marked bar is used like any other. Normal: few.",
            do="`signaltape quality report` lists examples; many at once are the feed.",
            runbook="SignaltapeBarsStopped", queries=(rates("signaltape_bar_marks_total", "kind"),),
        ),
        Panel(
            kind="lines", title="Age of the newest features, by bar interval", unit="s",
            shows="Time since the newest bar that features were made of closed. Normal: below the interval plus a "
            "second within a session; grows outside of it. Bars that are replayed are as old as they are.",
            do="grows within a session: the feed, then the feature agent.", runbook="SignaltapeNoSignal",
            queries=(Metric(expr="min by (interval) (signaltape_feature_age_seconds)", legend="{{interval}}"),),
        ),
    ),
)  # fmt: skip

LATENCY = Section(
    title="Latency",
    panels=(
        Panel(
            kind="lines", title="Time from bars to their signals", unit="s", width=12,
            shows="Median and 99th percentile, end to end: from the bars' time in Kafka to the commit of what they led "
            "to, batches of live bars that led to signals only. Normal: within 100 ms.",
            do="the panel beside it says which stage it is.",
            runbook="SignaltapeLagSeconds", queries=quantiles("signaltape_bar_to_signal_seconds"),
        ),
        Panel(
            kind="lines", title="Time from a stage's input to its output", unit="s", width=12,
            shows="Median and 99th percentile, by stage: from the input's time in Kafka to the output's "
            "acknowledgement. Normal: tens of milliseconds.",
            do="a stage that rises alone is short of CPU or waits for its dependency; all at once: Kafka or the host.",
            runbook="SignaltapeLagSeconds", queries=quantiles("signaltape_stage_latency_seconds", "stage"),
        ),
        Panel(
            kind="heatmap", title="Latency of the features stage", unit="s", width=12,
            shows="How many outputs took how long. Normal: one band; a second one above it is a stall that comes back.",
            do="compare with *CPU* and with the rounds below.", runbook="SignaltapeNoProgress",
            queries=(buckets("signaltape_stage_latency_seconds", 'stage="features"'),),
        ),
        Panel(
            kind="heatmap", title="Latency of the inference stage", unit="s", width=12,
            shows="As beside it, from feature vectors to predictions and signals, the transaction included.",
            do="compare with *Duration of a model's call* on the dashboard *Models*: the rest is the transaction.",
            runbook="SignaltapeNoProgress",
            queries=(buckets("signaltape_stage_latency_seconds", 'stage="inference"'),),
        ),
        Panel(
            kind="lines", title="Duration of a round, by service", unit="s", width=12,
            shows="Median and 99th percentile of one round of reading, work and commit. Normal: below 100 ms.",
            do="long rounds of features and store are Postgres; of inference, Kafka's transactions or a model.",
            runbook="SignaltapeStageSilent", queries=quantiles("signaltape_round_seconds", "service"),
        ),
        Panel(
            kind="lines", title="Duration of a request to the API, by route", unit="s", width=12,
            shows="Median and 99th percentile. Normal: tens of milliseconds; streams last as long as a page is open.",
            do="a slow route alone is its query; all of them: the host or the database.",
            runbook="SignaltapeNoProgress", queries=quantiles("signaltape_http_request_seconds", "route"),
        ),
    ),
)  # fmt: skip

PIPELINE = Dashboard(
    uid="signaltape-pipeline",
    title="1 Pipeline",
    description="Start here in an incident: what is up, how much flows, how late, how far behind, what fails.",
    variables=(Variable(name="group", label="Consumer group", labels="kafka_consumergroup_lag, consumergroup"),),
    marks=MARKS,
    sections=(NOW, TRAFFIC, LATENCY, LAG, ERRORS, SATURATION),
    since="now-1h",
    refresh="10s",
)
