// What the figures of drift are called, which bands they fall into, and how a session is named.
import {html} from "lib/html.js";
import {day, number, percent, signed} from "lib/format.js";

const HALF_DAY = 43_200e9;
// A session is named by its last instant, which is the next day's first.
export const sessionDay = (ns) => ns === null || ns === undefined ? "" : day(ns - 1e6);
export const middle = (ns) => ns - HALF_DAY;      // where a session stands on an axis of time
export const onsetMiddle = (ns) => ns + HALF_DAY; // an onset is told as the first instant of its day

const KINDS = {
  excellent: "good", good: "good", watch: "odd", critical: "bad", suspect: "bad", stable: "good", moved: "odd", shifted: "bad",
  weak: "odd", losing: "bad", gain: "good", loss: "bad",
};
export const kindOf = (verdict) => KINDS[verdict] ?? "none";
export const SEVERITY = {info: "none", warning: "odd", severe: "bad", urgent: "bad"};

export const FIGURES = [
  ["ic", "IC", (v) => signed(v, 3)], ["ic_mean_5", "IC, mean of 5 sessions", (v) => signed(v, 3)],
  ["ic_mean", "IC, mean of the look-back", (v) => signed(v, 3)], ["psi", "PSI of the score", (v) => number(v, 3)],
  ["feature_psi_max", "largest PSI of a feature", (v) => number(v, 3)], ["sharpe_20", "Sharpe ratio, 20 sessions", (v) => signed(v, 3)],
  ["hit_rate", "hit rate", (v) => percent(v)], ["pnl", "log return of following the scores", (v) => signed(v, 3)],
];
export function intervalText(column, at, form) {
  if (!column?.low || column.low[at] === null) return null;
  return `95 % from ${form(column.low[at])} to ${form(column.high[at])}`;
}
// One figure of the newest session: a number with its band, or what it lacks.
export function Reading({name, column, at, form}) {
  if (!column || column.verdict[at] === null || column.verdict[at] === undefined) return html`<div class="figure"><dt>${name}</dt><dd class="quiet">not measured</dd></div>`;
  if (column.value[at] === null) {
    const least = column.minimum?.[at];
    return html`<div class="figure"><dt>${name}</dt><dd class="insufficient">insufficient<small> ${number(column.size[at])}${least === null || least === undefined ? "" : ` of ${number(least)}`}: ${column.reason?.[at] ?? "reason not said"}</small></dd></div>`;
  }
  const verdict = column.verdict[at], kind = kindOf(verdict), between = intervalText(column, at, form);
  return html`<div class="figure"><dt>${name}</dt><dd class=${kind === "none" ? "" : `${kind}-text`}>${form(column.value[at])}<small> ${verdict === "ok" ? "" : `${verdict} · `}${between ?? `${number(column.size[at])} observations`}${column.feature?.[at] ? ` · ${column.feature[at]}` : ""}</small></dd></div>`;
}
