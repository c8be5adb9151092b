// The courses of one series: IC with its bands, stability, Sharpe ratio, directions; alerts and their onsets as marks.
import {html, useMemo} from "lib/html.js";
import {Panel} from "lib/parts.js";
import {TimeChart} from "lib/chart.js";
import {percent, plural, signed, number} from "lib/format.js";
import {middle, onsetMiddle, sessionDay} from "pages/drift/words.js";

const blank = (data) => data.sessions.map(() => null);
const values = (data, name, column = "value") => data.metrics[name]?.[column] ?? blank(data);
const last = (list) => { for (let at = list.length - 1; at >= 0; at--) if (list[at] !== null && list[at] !== undefined) return list[at]; return null; };
const share = (list, when) => list.filter((one) => one !== null && when(one)).length;
const known = (list) => list.filter((one) => one !== null && one !== undefined).length;

export function Charts({data}) {
  const made = useMemo(() => prepared(data), [data]);
  const {times, marks} = made;
  return html`<div class="grid"><${Panel} title="Information coefficient" note="rank correlation of scores with matured returns, per session; dashed: estimated onsets">
      <${TimeChart} times=${times} height=${250} marks=${marks} series=${made.ic} bands=${[[2, 3]]} lines=${IC_LINES} summary=${made.icText} /><//>
    <div class="grid two">
      <${Panel} title="Population stability" note="index against the training sample">
        <${TimeChart} times=${times} height=${200} marks=${made.bare} series=${made.psi} lines=${PSI_LINES} summary=${made.psiText} /><//>
      <${Panel} title="Sharpe ratio" note="following the scores, before costs, √252">
        <${TimeChart} times=${times} height=${200} marks=${made.bare} series=${made.sharpe} bands=${[[1, 2]]} lines=${SHARPE_LINES} summary=${made.sharpeText} /><//>
      <${Panel} title="Directions" note="shares of signs">
        <${TimeChart} times=${times} height=${200} series=${made.directions} lines=${HALF} summary=${made.directionText} /><//>
      <${Panel} title="Return of following the scores" note="log return a session, before costs">
        <${TimeChart} times=${times} height=${200} series=${made.profit} lines=${ZERO} summary=${made.profitText} /><//>
    </div></div>`;
}
const IC_LINES = [{value: 0.05, name: "excellent above .05", colour: "--good"}, {value: 0.02, name: "good above .02", colour: "--good"},
  {value: 0.01, name: "", colour: "--odd"}, {value: 0, name: "suspect below 0", colour: "--bad"}];
const PSI_LINES = [{value: 0.1, name: "moved above .10", colour: "--odd"}, {value: 0.25, name: "shifted above .25", colour: "--bad"}];
const SHARPE_LINES = [{value: 0.5, name: "weak below .5", colour: "--odd"}, {value: 0, name: "losing below 0", colour: "--bad"}];
const HALF = [{value: 0.5, name: "", colour: "--faint"}];
const ZERO = [{value: 0, name: "", colour: "--faint"}];

function prepared(data) {
  const times = data.sessions.map(middle);
  const marks = data.alerts.flatMap((one) => [
    {at: middle(one.event_time), name: one.rule, colour: one.severity === "warning" || one.severity === "info" ? "--odd" : "--bad"},
    ...(one.onset === null || one.onset === undefined || onsetMiddle(one.onset) === middle(one.event_time) ? [] : [{at: onsetMiddle(one.onset), name: "", colour: "--faint", dashed: true}]),
  ]);
  const ic = data.ic_now, mean = values(data, "ic_mean"), low = values(data, "ic_mean", "low"), high = values(data, "ic_mean", "high");
  const psi = values(data, "psi"), widest = values(data, "feature_psi_max"), sharpe = values(data, "sharpe_20");
  const hits = values(data, "hit_rate"), profit = values(data, "pnl");
  let total = null;
  const sum = profit.map((one) => { if (one !== null) total = (total ?? 0) + one; return total; });
  const none = (list) => `${plural(list.length - known(list), "session")} insufficient`;
  const told = data.alerts.map((one) => `${one.rule} on ${sessionDay(one.event_time)}${one.onset === null || one.onset === undefined ? "" : `, estimated onset ${sessionDay(one.onset + 1e9)}`}`).join("; ");
  return {
    times, marks, bare: marks.map((one) => ({...one, name: ""})),
    ic: [{name: "IC of the session", values: ic, points: "only", colour: "--series-1"}, {name: "mean of the look-back", values: mean, colour: "--series-3", width: 2},
      {name: "95 % high", values: high, colour: "--series-3", width: 0.6}, {name: "95 % low", values: low, colour: "--series-3", width: 0.6},
      {name: "mean of 5", values: values(data, "ic_mean_5"), colour: "--series-2", dashed: true}],
    psi: [{name: "score", values: psi, colour: "--series-1"}, {name: "largest of the features", values: widest, colour: "--series-2"}],
    sharpe: [{name: "20 sessions", values: sharpe, colour: "--series-1"}, {name: "95 % high", values: values(data, "sharpe_20", "high"), colour: "--series-1", width: 0.6},
      {name: "95 % low", values: values(data, "sharpe_20", "low"), colour: "--series-1", width: 0.6}, {name: "5 sessions", values: values(data, "sharpe_5"), colour: "--series-2", dashed: true}],
    directions: [{name: "right directions", values: hits, colour: "--series-1"}, {name: "scores above 0", values: values(data, "positive_predictions"), colour: "--series-2", dashed: true},
      {name: "returns above 0", values: values(data, "positive_outcomes"), colour: "--series-3", dashed: true}],
    profit: [{name: "session", values: profit, points: "only", colour: "--series-1"}, {name: "summed over those shown", values: sum, colour: "--series-3"}],
    icText: `Newest IC ${signed(last(ic), 3)}, mean of the look-back ${signed(last(mean), 3)}; ${plural(share(ic, (one) => one < 0), "session")} below 0 of ${known(ic)} with an IC, ${none(ic)}.${told ? ` Alerts: ${told}.` : " No alert in these sessions."}`,
    psiText: `Score: newest ${number(last(psi), 3)}, above .25 in ${share(psi, (one) => one > 0.25)} of ${known(psi)}; largest of the features: newest ${number(last(widest), 3)}. PSI grows by chance in small samples: read it with the number of names. ${none(psi)}.`,
    sharpeText: `Newest over 20 sessions ${signed(last(sharpe), 3)}; ${none(sharpe)}. Over 20 sessions its error is larger than the bands.`,
    directionText: `Newest share of right directions ${percent(last(hits))}; ${none(hits)}.`,
    profitText: `Summed over the sessions shown ${signed(total, 3)}; ${none(profit)}.`,
  };
}
