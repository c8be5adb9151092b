"""Whether the models still hold: information coefficient, stability, profit, labels, alerts, and what was done."""

from scripts.dashboards.pipeline import MARKS
from scripts.dashboards.signals import STRATEGY
from scripts.dashboards.spec import GREEN, ORANGE, RED, Dashboard, Metric, Panel, Rows, Section, Variable

#: Bands of docs/drift.md.
_PSI = ((None, GREEN), (0.10, ORANGE), (0.25, RED))
_IC = ((None, RED), (0.01, ORANGE), (0.02, GREEN))
_SHARPE = ((None, RED), (0.0, ORANGE), (0.5, GREEN))

ALERTS = Section(
    title="Alerts, and what was done about them",
    panels=(
        Panel(
            kind="table", title="Alerts in the range", width=24,
            shows="Newest first, with the estimated onset and the false alarms a year that the rule may raise.",
            do="each rule has a section in the runbook; `signaltape alerts list` has the evidence.", runbook="ic_fell",
            queries=(Rows(name="drift.alerts"),),
        ),
        Panel(
            kind="table", title="Steps of the guard: the last 50", width=12,
            shows="What was, or in dry run would have been, done about a severe alert, or why nothing.",
            do="`signaltape guard veto` stops it for a strategy.", runbook="ic_fell",
            queries=(Rows(name="drift.steps"),),
        ),
        Panel(
            kind="table", title="Retraining: the last 20 cycles", width=12,
            shows="Each look that the orchestrator took, those in which nothing fired included.",
            do="*held* and *failed* say why in `reason` and `outcome`.", runbook="ic_fell",
            queries=(Rows(name="drift.retraining"),),
        ),
    ),
)  # fmt: skip

COEFFICIENT = Section(
    title="Do the scores come true? ($series)",
    panels=(
        Panel(
            kind="lines", title="Information coefficient of a session", unit="none", steps=_IC,
            shows="Rank correlation of scores and matured returns. Above .05 excellent, .02 good, below .01 critical. "
            "One day of 50 names has an error of .14: look at the mean.",
            do="a low day alone means nothing; see the band beside.", runbook="ic_fell",
            queries=(Rows(name="drift.ic", series=True),),
        ),
        Panel(
            kind="lines", title="Mean IC of the look-back, with its 95 % interval", unit="none", steps=_IC,
            shows="Mean over up to 60 sessions; the interval knows which labels overlap.",
            do="the whole interval below the held-out value: the model is weaker than it was.", runbook="ic_fell",
            queries=(Rows(name="drift.ic_band", series=True),),
        ),
        Panel(
            kind="lines", title="Sharpe ratio of following the scores, before costs", unit="none", steps=_SHARPE,
            shows="Over 5 and 20 sessions, annualised. Over 20 days its error is larger than 0.5.",
            do="a hint only: act on the IC.", runbook="sharpe_low_10_days",
            queries=(Rows(name="drift.sharpe", series=True),),
        ),
        Panel(
            kind="lines", title="Share of right directions, and of predictions up", unit="percentunit", width=12,
            shows="Normal: near the held-out value; predictions up near one half.",
            do="always up or always down: look at the inputs.", runbook="hit_rate_degraded",
            queries=(Rows(name="drift.hit_rate", series=True),),
        ),
        Panel(
            kind="lines", title="Labels: matured pairs of a session, and labels given up", width=12,
            shows="What a session's IC rests on. Normal: level; 0 until the horizon has gone by.",
            do="falls to 0 while predictions go on: late bars, or symbols that trade no more.",
            runbook="labels_missing",
            queries=(Rows(name="drift.maturity", series=True),),
        ),
    ),
)  # fmt: skip

STABILITY = Section(
    title="Did something move? ($series)",
    panels=(
        Panel(
            kind="lines", title="PSI of the scores, and the largest of the features", unit="none", steps=_PSI,
            shows="Distribution against training: above .10 moved, above .25 shifted. Few names alone make it large.",
            do="look at the features beside; then at their inputs.", runbook="score_moved",
            queries=(Rows(name="drift.score_psi", series=True),),
        ),
        Panel(
            kind="lines", title="PSI of the ten features that moved farthest", unit="none", steps=_PSI,
            shows="Each session's values against training.",
            do="one or two: their inputs. Many at once: the feed.", runbook="features_moved",
            queries=(Rows(name="drift.feature_psi", series=True),),
        ),
        Panel(
            kind="gauges", title="Newest PSI of the features, as the drift agent exports it", unit="none", steps=_PSI,
            shows="The fifteen largest, all models. Starts empty after a restart of the agent, until a session closes.",
            do="look at the inputs of those above .25; many at once: the feed.", runbook="features_moved_widely",
            queries=(Metric(expr="topk(15, model_feature_drift)", legend="{{model}} {{feature_name}}", instant=True),),
        ),
        Panel(
            kind="table", title="Verdicts of each series' newest session", width=12,
            shows="By metric. *insufficient* is no pass: it says why there is no number.",
            do="insufficient for weeks: too few names, no reference in the model, or no labels.",
            runbook="labels_missing", queries=(Rows(name="drift.verdicts"),),
        ),
        Panel(
            kind="table", title="Series: their last session, and the last that had an IC", width=12,
            shows="Normal: the two are the horizon apart.", do="far apart: see the runbook.", runbook="labels_missing",
            queries=(Rows(name="drift.labelled"),),
        ),
        Panel(
            kind="lines", title="Hours of open sessions: IC and PSI of the scores", unit="none", width=24,
            shows="Of bars shorter than a day, once an hour is over on every partition; a line for each series.",
            do="they raise no alert; a jump at one hour points at what came in then.", runbook="score_moved",
            queries=(Rows(name="drift.hours", series=True),),
        ),
    ),
)  # fmt: skip

DRIFT = Dashboard(
    uid="signaltape-drift",
    title="4 Drift",
    description="Whether the models still hold, what was found, and what was done about it.",
    variables=(STRATEGY, Variable(name="series", label="Series", rows="series", several=False)),
    marks=MARKS,
    sections=(ALERTS, COEFFICIENT, STABILITY),
    since="now-90d",
    refresh="5m",
)
