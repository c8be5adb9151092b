// Comparisons with another version on the same rows: the verdict, why, and each metric with its interval.
import {html, useState} from "lib/html.js";
import {Badge, Empty, Panel, Scroll} from "lib/parts.js";
import {number, percent, plural, signed, time} from "lib/format.js";
import {Decision, Model, Told, span} from "pages/models/words.js";

const OUTCOMES = {improved: ["good", "better"], regressed: ["bad", "worse"], undecided: ["none", "not told apart"]};

export function Comparisons({rows, model}) {
  const [open, setOpen] = useState(null);
  const chosen = rows.find((one) => one.comparison_id === open) ?? rows.find((one) => one.metrics.length) ?? rows[0];
  return html`<${Panel} title="Comparisons" note="both models on the same rows; the newest of a pair counts as a gate">
    ${!rows.length ? html`<${Empty} title="It was never compared with another version."><code>signaltape models compare ${model} --strategy S --live</code>, once it has run as a shadow; or <code>--dataset DIR</code>.<//>` : html`
    <${Scroll}><table class="verdicts"><caption class="visually-hidden">Recorded comparisons</caption><thead><tr><th scope="col">Compared</th><th scope="col">Challenger</th><th scope="col">Champion</th><th scope="col">Verdict</th><th scope="col">On</th><th scope="col">Why</th></tr></thead>
      <tbody>${rows.map((one) => html`<tr key=${one.comparison_id} aria-selected=${one === chosen ? "true" : "false"}>
        <td><button class="link" aria-expanded=${one === chosen ? "true" : "false"} onClick=${() => setOpen(one.comparison_id)}>${time(one.at)}</button></td>
        <td><${Model} model=${one.challenger} /></td><td>${one.champion ? html`<${Model} model=${one.champion} />` : "no model was live"}</td>
        <td><${Decision} decision=${one.decision} /></td>
        <td>${one.source === "none" ? "nothing" : html`${one.source === "live" ? `live bars of ${one.data}` : "a data set"}, ${span(one.data_from, one.data_to)}`}</td>
        <td>${one.reasons.map((reason) => html`<div key=${reason}><${Told}>${reason}<//></div>`)}</td></tr>`)}</tbody></table><//>
    ${chosen?.metrics.length ? html`<${Metrics} one=${chosen} />` : null}`}<//>`;
}

const better = (metric) => metric.higher_is_better ? "higher is better" : "lower is better";
function Metrics({one}) {
  return html`<h3 class="sub">${one.challenger} against ${one.champion}: ${plural(one.rows, "row")} at ${plural(one.times, "bar time")}, ${percent(one.confidence, 0)} intervals of the difference</h3>
    <${Scroll}><table><caption class="visually-hidden">Metrics of comparison ${one.comparison_id}</caption><thead><tr><th scope="col">metric</th><th scope="col" class="number">champion</th><th scope="col" class="number">challenger</th><th scope="col" class="number">difference</th><th scope="col" class="number">interval</th><th scope="col" class="number">of champion's</th><th scope="col">outcome</th></tr></thead>
    <tbody>${one.metrics.map((metric) => html`<tr key=${metric.metric}><th scope="row">${metric.metric.replaceAll("_", " ")} <span class="quiet" role="img" aria-label=${better(metric)} title=${better(metric)}>${metric.higher_is_better ? "↑" : "↓"}</span></th>
      <td class="number">${number(metric.champion, 4)}</td><td class="number">${number(metric.challenger, 4)}</td><td class="number">${signed(metric.difference, 3)}</td>
      <td class="number">${metric.low === null ? "too little data" : `[${signed(metric.low, 3)}, ${signed(metric.high, 3)}]`}</td><td class="number">${metric.percent === null ? "–" : `${signed(metric.percent, 3)} %`}</td>
      <td><${Badge} kind=${OUTCOMES[metric.outcome]?.[0]}>${OUTCOMES[metric.outcome]?.[1] ?? metric.outcome}<//></td></tr>`)}</tbody></table><//>
    ${one.undefined.length ? html`<p class="quiet small">Without a value for one of them: ${one.undefined.join(", ")}.</p>` : null}`;
}
