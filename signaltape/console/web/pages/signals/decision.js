// What the models answered, under which terms, and what the router made of it.
import {html} from "lib/html.js";
import {basisPoints, duration, number, percent, time} from "lib/format.js";
import {Link} from "lib/router.js";
import {Badge, Pairs, Panel} from "lib/parts.js";
import {SmallTable} from "lib/table.js";
import {Direction} from "pages/signals/rows.js";

const modelOf = (one) => `${one.model}:${one.model_version}`;
function term(one) {
  const value = Array.isArray(one.value) ? one.value.join(", ") || "none" : typeof one.value === "number" ? number(one.value, 6) : String(one.value);
  return html`<bdi>${value}</bdi> <span class="quiet">(${one.control_offset !== null ? `control event ${one.control_offset}` : one.origin})</span>`;
}

export function Models({found}) {
  if (!found.models.length) return html`<${Panel} title="Models"><p class="quiet">No model was asked about this bar.</p><//>`;
  const columns = [
    {id: "strategy", name: "Strategy", value: (one) => html`<bdi>${one.strategy}</bdi>`}, {id: "role", name: "Role", value: (one) => one.role},
    {id: "model", name: "Model", value: (one) => html`<${Link} to=${`/console/models/${encodeURIComponent(modelOf(one))}`}>${modelOf(one)}<//>`},
    {id: "says", name: "Says", value: (one) => one.row ? html`<${Direction} signal=${one.row.direction} />` : "not asked about this symbol"},
    {id: "score", name: "Score (bp)", number: true, value: (one) => one.row ? html`<span title=${one.row.score_bits}>${basisPoints(one.row.score)}</span>` : "–"},
    {id: "confidence", name: "Confidence", number: true, value: (one) => one.row ? percent(one.row.confidence) : "–"},
    {id: "status", name: "Status", value: (one) => one.row ? html`<${Badge} kind=${one.row.status === "ok" ? "good" : "odd"}>${one.row.status}<//>` : "–"},
    {id: "outcome", name: "Router", value: (one) => one.row?.outcome ?? "–"},
    {id: "took", name: "Call took", number: true, value: (one) => html`${one.model_latency_ns ? `${number(one.model_latency_ns / 1e6, 3)} ms` : "–"}${one.deadline_missed ? html` <${Badge} kind="bad">late<//>` : null}${one.breaker_open ? html` <${Badge} kind="bad">breaker open<//>` : null}`},
  ];
  return html`<${Panel} title="Models" note="each call that had this symbol's row" flush>
    <${SmallTable} label="Model calls" columns=${columns} rows=${found.models} keyOf=${(one) => `${one.strategy}|${one.role}|${modelOf(one)}`} />
    <div class="inset">${found.models.map((one) => html`<details key=${`${one.strategy}|${one.role}|${modelOf(one)}`}><summary>Terms and file of <bdi>${one.strategy}</bdi> ${one.role} ${modelOf(one)}</summary>
      <${Pairs} rows=${[...(one.row ? Object.entries(one.row.terms).map(([name, value]) => [name, term(value)]) : []),
        ["SHA-256 of the file", html`<span class="mono">${one.sha256 || "not recorded"}</span>`], ["Features", `${one.feature_set} v${one.set_version}, hash ${one.set_hash || "not recorded"}`],
        ["Registered here", one.available ? "yes" : "no: it can't be asked again"], ["Arithmetic", html`<span class="mono">${one.numerics || "not recorded"}</span>`]]} /></details>`)}</div><//>`;
}

export function Router({found}) {
  if (!found.models.length) return null;
  const {terms, emission_before: before, merged} = found.router;
  const rows = [
    ["Repeats are held back for", html`${duration(Number(terms.dedup_window_ns.value) / 1e9)} <span class="quiet">(${terms.dedup_window_ns.control_offset !== null ? `control event ${terms.dedup_window_ns.control_offset}` : terms.dedup_window_ns.origin})</span>`],
    ["Sends", term(terms.emit)],
    ["Sent before", before === null ? "nothing for this symbol" : html`<${Direction} signal=${before.signal} /> at ${time(before.event_time)} UTC,${" "}<${Link} to=${`/console/signals/${before.signal_id}`}>${before.signal_id.slice(0, 12)}<//>; its window, until ${time(before.window_until)} UTC, was ${before.open ? "open" : "over"}`],
  ];
  const columns = [{id: "strategy", name: "Strategy", value: (one) => html`<bdi>${one.strategy}</bdi>`}, {id: "model", name: "Model", value: (one) => one.model},
    {id: "says", name: "Says", value: (one) => html`<${Direction} signal=${one.direction} />`}, {id: "share", name: "Share of the weight", number: true, value: (one) => percent(one.share)},
    {id: "leads", name: "Leads", value: (one) => one.leads ? "leads" : ""}];
  return html`<${Panel} title="Router" note=${found.router.name}><${Pairs} rows=${rows} />
    ${merged ? html`<h3 class="gap">Merged into <${Direction} signal=${merged.direction} />, score ${basisPoints(merged.score)} bp, confidence ${percent(merged.confidence)}</h3>
      <${SmallTable} label="Merged rows" columns=${columns} rows=${merged.rows} keyOf=${(one) => `${one.strategy}|${one.model}`} />` : null}<//>`;
}
