// Decisions of one symbol that made no signal, and the question why.
import {html, useState} from "lib/html.js";
import {basisPoints, percent, plural, time} from "lib/format.js";
import {go} from "lib/router.js";
import {Empty, Panel, Shown} from "lib/parts.js";
import {Table} from "lib/table.js";
import {useResource} from "lib/resource.js";
import {Direction} from "pages/signals/rows.js";
import {Filters} from "pages/signals/filters.js";

const COLUMNS = [
  {id: "time", name: "Bar closed (UTC)", width: 190, value: (row) => row.event_time, cell: (row) => html`<span class="mono">${time(row.event_time)}</span>`},
  {id: "interval", name: "Interval", width: 85, value: (row) => row.interval},
  {id: "outcome", name: "Became", width: 110, value: (row) => row.outcome === "none" ? row.status : row.outcome},
  {id: "direction", name: "Would say", width: 100, value: (row) => row.direction, cell: (row) => html`<${Direction} signal=${row.direction} />`},
  {id: "score", name: "Score (bp)", width: 100, number: true, value: (row) => row.score, cell: (row) => basisPoints(row.score)},
  {id: "confidence", name: "Confidence", width: 110, number: true, value: (row) => row.confidence, cell: (row) => percent(row.confidence)},
  {id: "strategy", name: "Strategy", width: 120, value: (row) => row.strategy, cell: (row) => html`<bdi>${row.strategy}</bdi>`},
  {id: "model", name: "Model", value: (row) => `${row.model}:${row.model_version}`, cell: (row) => html`<bdi>${`${row.model}:${row.model_version}`}</bdi>`},
];
export const atLink = (symbol, at, interval) => `/console/signals/at?${new URLSearchParams({symbol, at: String(at), ...(interval ? {interval} : {})})}`;

export function Held({query}) {
  const symbol = query.symbol ?? "";
  const resource = useResource(symbol ? "signals/held" : null, {symbol, interval: query.interval}, {every: 10_000});
  return html`<${Panel} label="Filters" flush><div class="inset"><${Filters} query=${query} only=${["symbol", "interval"]} /></div><//>
    <${Ask} symbol=${symbol} interval=${query.interval ?? ""} />
    <${Panel} title="Held back" flush note=${resource.data ? `${plural(resource.data.rows.length, "decision")} of the last ten days that made no signal${resource.data.truncated ? `, the newest ${resource.data.limit}` : ""}` : "suppressed, unchanged, merged, filtered, paused, skipped"}>
      ${symbol ? html`<${Shown} resource=${resource} what="Reading decisions" empty=${{when: (data) => data.rows.length === 0, title: "Nothing was held back",
          text: html`Each decision for <bdi>${symbol}</bdi> became a signal, or there was none. A bar without any decision is explained above by its time.`}}>
        ${(data) => html`<${Table} label="Decisions without a signal, newest first. Enter explains one." columns=${COLUMNS} rows=${data.rows} height=${560} minWidth=${900}
          keyOf=${(row) => `${row.event_time}|${row.interval}|${row.strategy}|${row.model}|${row.model_version}|${row.role}`} onChoose=${(row) => go(atLink(symbol, row.event_time, row.interval))} />`}<//>`
        : html`<${Empty} title="Name a symbol">Decisions that made no signal are many; they are shown for one symbol at a time.<//>`}
    <//>`;
}
function Ask({symbol, interval}) {
  const [at, setAt] = useState("");
  const submit = (event) => { event.preventDefault(); if (symbol && at.trim()) go(atLink(symbol, at.trim(), interval)); };
  return html`<${Panel} title="Why was there none?" note="of a bar, by the time of its close"><form class="filters" onSubmit=${submit}>
    <label class="field">Close of the bar (UTC)<input value=${at} onInput=${(event) => setAt(event.target.value)} placeholder="2024-10-04T00:57:00Z" size="26" maxlength="60" spellcheck="false" /></label>
    <button class="primary" disabled=${!symbol || !at.trim()}>Explain</button>${symbol ? null : html`<span class="quiet">Name the symbol above first.</span>`}</form><//>`;
}
