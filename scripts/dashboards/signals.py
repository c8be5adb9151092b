"""What the gateways get: how many signals, which, how sure, and what held the others."""

from scripts.dashboards.pipeline import MARKS
from scripts.dashboards.promql import growths, or_none, rate, rates
from scripts.dashboards.spec import Dashboard, Metric, Panel, Rows, Section, Variable

STRATEGY = Variable(name="strategy", label="Strategy", rows="strategies")

LIVE = Section(
    title="Rate, by what the processes count",
    panels=(
        Panel(
            kind="stacked", title="Signals, by direction", unit="cps",
            shows="Signals a second, all strategies. Normal: with emission on change, most at a session's first bars.",
            do="none while bars come in: the panel beside says what held them.", runbook="SignaltapeNoSignal",
            queries=(rates("signaltape_signals_total", "signal"),),
        ),
        Panel(
            kind="stacked", title="Decisions that made no signal, by reason", unit="cps",
            shows="unchanged: the direction stands; suppressed: same symbol and direction within seconds; merged: "
            "another strategy's signal has it; filtered: symbol, direction or confidence; paused: by an operator.",
            do="`signaltape explain SYMBOL --at T` says why one bar made none.", runbook="no_signal",
            queries=(
                Metric(
                    expr=or_none(rate("signaltape_signals_held_total", "outcome"), "outcome"), legend="{{outcome}}"
                ),
            ),
        ),
        Panel(
            kind="stacked", title="Symbols, by the state of their features",
            shows="Warm symbols can be predicted; the others still gather the bars that their features need.",
            do="few warm ones hours after the open: the feed began late, or features were added.",
            runbook="SignaltapeNoSignal",
            queries=(Metric(expr="sum by (state) (signaltape_symbols)", legend="{{state}}"),),
        ),
    ),
)  # fmt: skip

STORED = Section(
    title="What was sent, from the table of signals (by the bar's close)",
    panels=(
        Panel(
            kind="stacked", title="Signals of the strategies chosen, by direction",
            shows="Signals in each stretch of time. Normal: long and short about even over weeks.",
            do="one direction only: compare with the market and with the model's scores.", runbook="signal_burst",
            queries=(Rows(name="signals.directions", series=True),),
        ),
        Panel(
            kind="bars", title="Signals, by confidence and direction",
            shows="How sure the model was. Fallbacks carry 0. Normal: most above 0.5.",
            do="a heap at 0 are fallbacks, see the dashboard *Models*; below 0.5: see the runbook.",
            runbook="low_confidence", queries=(Rows(name="signals.confidence"),),
        ),
        Panel(
            kind="lines", title="Scores: 5 %, median and 95 % of the signals, by strategy", unit="none",
            shows="Expected log return over the horizon. Normal: median near 0, the others level.",
            do="wider or shifted: see PSI of the scores on the dashboard *Drift*.", runbook="score_moved",
            queries=(Rows(name="signals.scores", series=True),),
        ),
        Panel(
            kind="table", title="Strategies: their last signal in the range", width=12,
            units=(("mean confidence", "percentunit"), ("share of fallbacks", "percentunit")),
            shows="One line a strategy and interval. A strategy that is missing sent nothing in the range.",
            do="no line, or an old one, in a session: the runbook's section.", runbook="no_signal",
            queries=(Rows(name="signals.strategies"),),
        ),
        Panel(
            kind="table", title="Symbols with most signals in the range", width=12,
            shows="Normal: counts of like size. A symbol far above the others flips.",
            do="look at its bars and features; take it out by `signaltape parameters` until they are repaired.",
            runbook="signal_burst", queries=(Rows(name="signals.symbols"),),
        ),
        Panel(
            kind="table", title="The 50 newest signals, whatever the range", width=24,
            units=(("confidence", "percentunit"),),
            shows="As the gateways got them. The price is the bar's close.",
            do="`signaltape explain SIGNAL_ID` recomputes one.", runbook="no_signal",
            queries=(Rows(name="signals.newest"),),
        ),
    ),
)  # fmt: skip

READS = Section(
    title="What is asked for, and told",
    panels=(
        Panel(
            kind="stacked", title="Reads of a symbol's signal, by source and answer", width=12,
            shows="cached: the newest signal, not expired; computed: one inference in time; fallback: none.",
            do="many fallbacks: the API can't load or reach something; its /ready says what.",
            runbook="SignaltapeNoSignal",
            queries=(growths("signaltape_signal_reads_total", "source, code"),),
        ),
        Panel(
            kind="stacked", title="Alerts about models and output, by severity", width=12,
            shows="Alerts that the drift agent published, in each stretch of time. Normal: none on most days.",
            do="each rule has a section in the runbook; the dashboard *Drift* lists them.", runbook="no_signal",
            queries=(growths("signaltape_alerts_total", "severity"),),
        ),
    ),
)  # fmt: skip

SIGNALS = Dashboard(
    uid="signaltape-signals",
    title="2 Signals",
    description="What gateways get, how sure it is, and what held the rest.",
    variables=(STRATEGY,),
    marks=MARKS,
    sections=(LIVE, STORED, READS),
)
