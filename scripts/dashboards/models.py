"""The models: what is live, how it answers, how a shadow or an experiment does beside it."""

from scripts.dashboards.pipeline import MARKS
from scripts.dashboards.promql import buckets, growth, quantiles, rate, rates
from scripts.dashboards.signals import STRATEGY
from scripts.dashboards.spec import GREEN, RED, Dashboard, Metric, Panel, Rows, Section, Variable

_CHOSEN = 'model=~"$model"'
_SHADOW = "strategy, model, version"


def _differs(what: str) -> Metric:
    """Share of a shadow's rows that differ in score or direction from the model that serves."""
    part = rate(f"signaltape_shadow_{what}_differs_total", _SHADOW, _CHOSEN)
    whole = rate("signaltape_shadow_rows_total", _SHADOW, _CHOSEN)
    return Metric(expr=f"{part} / {whole}", legend=f"{{{{strategy}}}} {{{{model}}}}:{{{{version}}}} {what}")


ANSWERS = Section(
    title="How they answer",
    panels=(
        Panel(
            kind="stacked", title="Predictions, by model and version", unit="cps",
            shows="Rows scored a second, live, shadow and arm together.",
            do="a version that stops without a control event: its breaker, or its process.",
            runbook="SignaltapeStageSilent",
            queries=(rates("model_predictions_total", "model, version", _CHOSEN),),
        ),
        Panel(
            kind="stacked", title="Predictions, by status", unit="cps",
            shows="ok: the model answered; fallback, default, skipped: it did not in time. Normal: ok alone.",
            do="others than ok: latency, breaker and abandoned calls below.", runbook="SignaltapeBreakerOpen",
            queries=(rates("model_predictions_total", "status", _CHOSEN),),
        ),
        Panel(
            kind="lines", title="Duration of a model's call", unit="s",
            shows="Median and 99th percentile of one call over a cross-section. Normal: far below its deadline.",
            do="near the deadline: fewer symbols a call (more partitions), a smaller model, more CPU.",
            runbook="SignaltapeBreakerOpen",
            queries=quantiles("model_prediction_latency_seconds", "model", _CHOSEN),
        ),
        Panel(
            kind="heatmap", title="Calls, by their duration", unit="s",
            shows="How many calls took how long, all models that are chosen. Normal: one band.",
            do="a second band: another process takes the core, or the first calls of a session.",
            runbook="SignaltapeBreakerOpen",
            queries=(buckets("model_prediction_latency_seconds", _CHOSEN),),
        ),
        Panel(
            kind="states", title="Breakers, by model", least=0, most=1, words=((0, "closed", GREEN), (1, "open", RED)),
            shows="Open: the model failed too often and is not asked for a while; its fallback answers.",
            do="the inference's log says why calls failed; promote another version if it stays open.",
            runbook="SignaltapeBreakerOpen",
            queries=(Metric(expr="max by (model) (signaltape_breaker_open)", legend="{{model}}"),),
        ),
        Panel(
            kind="lines", title="Calls that did not return, and models held for it",
            shows="Calls given up in each stretch of time; calls that still run, each on a core; models that are not "
            "asked while their session is made anew. Normal: 0.",
            do="calls that still run hold a core each: restart the inference, it resumes where it committed.",
            runbook="SignaltapeBreakerOpen",
            queries=(
                Metric(expr=growth("signaltape_model_calls_abandoned_total") + " or vector(0)", legend="given up"),
                Metric(expr="sum(signaltape_model_calls_lost) or vector(0)", legend="still running"),
                Metric(expr="sum(signaltape_model_held) or vector(0)", legend="models held"),
            ),
        ),
        Panel(
            kind="lines", title="Calls, by the bar's close: mean and longest", unit="ms", width=12,
            shows="As recorded with the predictions: a day in the past can be looked at. Normal: level.",
            do="compare the days before and after a promotion (blue marks).", runbook="SignaltapeStageSilent",
            queries=(Rows(name="models.calls", series=True),),
        ),
        Panel(
            kind="stacked", title="Calls that missed their deadline or found the breaker open", width=12,
            shows="As recorded with the predictions, in each stretch of time. Normal: 0.",
            do="each of them was answered by the fallback: the signals of those bars say so in `reason`.",
            runbook="SignaltapeBreakerOpen", queries=(Rows(name="models.missed", series=True),),
        ),
    ),
)  # fmt: skip

DECISIONS = Section(
    title="What is live, and who decided",
    panels=(
        Panel(
            kind="states", title="Models in force at the next bar, by strategy and role", width=24, least=0, most=1,
            words=((1, "in force", GREEN),),
            shows="live serves, arm serves a share of the symbols in an experiment, shadow predicts and sends nothing.",
            do="two live models of a strategy for more than a bar: partitions differ, see `signaltape models live-at`.",
            runbook="promotion_failed",
            queries=(
                Metric(
                    expr=f"max by (strategy, role, model, version) (signaltape_model_info{{{_CHOSEN}}})",
                    legend="{{strategy}} {{role}} {{model}}:{{version}}",
                ),
            ),
        ),
        Panel(
            kind="table", title="The live model of each strategy", width=24,
            shows="The newest activation or rollback. `signaltape models live-at` answers for any moment.",
            do="`signaltape models rollback` takes the one before back in.", runbook="promotion_failed",
            queries=(Rows(name="models.live"),),
        ),
        Panel(
            kind="table", title="Control: the last 50 decisions", width=24,
            shows="Everything that changed what is sent: activations, rollbacks, shadows, pauses, parameters.",
            do="one that nobody knows of: who can write to `control` can promote, see the page on security.",
            runbook="control_late", queries=(Rows(name="models.control"),),
        ),
        Panel(
            kind="table", title="Registry: the newest 50 versions", width=12,
            shows="Stage, type and figures on held-out data.", do="`signaltape models show NAME:VERSION` has the card.",
            runbook="promotion_failed", queries=(Rows(name="models.registry"),),
        ),
        Panel(
            kind="table", title="Comparisons: the last 20", width=12,
            shows="promote, review or reject, and over which data.",
            do="`signaltape models compare` prints figures and intervals.", runbook="promotion_failed",
            queries=(Rows(name="models.comparisons"),),
        ),
    ),
)  # fmt: skip

BESIDE = Section(
    title="Shadows and experiments",
    panels=(
        Panel(
            kind="lines", title="Rows on which a shadow differs from the live model", unit="percentunit", least=0,
            shows="Share of rows whose score, and whose would-be direction, differ. Normal: what you expect of the new "
            "model; a change within a day is not.",
            do="`signaltape models shadow` counts the rows and the worst cases.", runbook="shadow_count_differs",
            queries=(_differs("direction"), _differs("score")),
        ),
        Panel(
            kind="table", title="A/B: the arms in the range",
            units=(("hit rate", "percentunit"), ("mean return a row", "none"), ("sum of returns", "none")),
            shows="Predictions, how many of them have matured, share of right directions, returns before costs.",
            do="`signaltape experiments report` has drawdown, Sharpe ratio and intervals.",
            runbook="shadow_count_differs", queries=(Rows(name="models.arms"),),
        ),
        Panel(
            kind="lines", title="A/B: returns summed up, by arm", unit="none",
            shows="Of a position of one for each row, before costs and capital.",
            do="see the table beside; end an experiment by a control event.", runbook="shadow_count_differs",
            queries=(Rows(name="models.arm_returns", series=True),),
        ),
    ),
)  # fmt: skip

MODELS = Dashboard(
    uid="signaltape-models",
    title="3 Models",
    description="What is live, how it answers, and what runs beside it.",
    variables=(Variable(name="model", label="Model", labels="model_predictions_total, model"), STRATEGY),
    marks=MARKS,
    sections=(ANSWERS, DECISIONS, BESIDE),
)
