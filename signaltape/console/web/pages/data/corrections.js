// Corrections: what `signaltape corrections list` shows, the newest first, in pages.
import {html, useState} from "lib/html.js";
import {Badge, Panel, Segments, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {Link, setQuery} from "lib/router.js";
import {SmallTable} from "lib/table.js";
import {duration, number, time} from "lib/format.js";
import {SymbolField} from "pages/data/symbols.js";

const STATES = [["", "all"], ["open", "open"], ["done", "done"], ["failed", "failed"]];
const KIND = {open: "odd", done: "good", failed: "bad"};
const iso = (ns) => `${time(ns).replace(" ", "T")}Z`;
const COLUMNS = [
  {id: "at", name: "Arrived, UTC", value: (row) => time(row.requested_at)},
  {id: "symbol", name: "Symbol", cell: (row) => html`<bdi>${row.symbol}</bdi> <span class="quiet">${row.interval}</span>`},
  {id: "begins", name: "Corrects from (close)", cell: (row) => html`<${Link} to=${`/console/data?${new URLSearchParams({symbol: row.symbol, interval: row.interval, at: iso(row.event_time)})}`}>${time(row.event_time)}<//>`},
  {id: "reason", name: "What", value: (row) => row.reason.replaceAll("_", " ")},
  {id: "status", name: "State", cell: (row) => html`<${Badge} kind=${KIND[row.status]}>${row.status}<//>`},
  {id: "features", name: "Feature rows", cell: (row) => number(row.feature_rows), number: true},
  {id: "returns", name: "Return rows", cell: (row) => number(row.return_rows), number: true},
  {id: "took", name: "Took", cell: (row) => row.duration_s === null ? "–" : duration(row.duration_s), number: true},
  {id: "place", name: "Log", cell: (row) => html`<span class="mono">${row.partition}:${row.source_offset}</span>`},
  {id: "detail", name: "Detail", value: (row) => row.detail},
];

export function Corrections({query}) {
  const status = STATES.some(([id]) => id === query.status) ? query.status : "";
  const [before, setBefore] = useState([]);
  const at = before.at(-1);
  const found = useResource("data/corrections", {symbol: query.symbol, status, before: at, limit: 50}, {every: at ? 0 : 10_000});
  const change = (changes) => { setBefore([]); setQuery(changes); };
  return html`<${Panel} title="Which corrections"><div class="filters">
      <${SymbolField} label="Symbol (empty: all)" all value=${query.symbol} onChoose=${(symbol) => change({symbol})} placeholder="all" />
      <div class="field-like"><span>State</span><${Segments} label="State" options=${STATES} value=${status} onChange=${(value) => change({status: value})} /></div></div><//>
    <${Panel} title="Corrections" note="the newest first; rows are counted at the last of those repaired together" flush=${(found.data?.corrections.length ?? 0) > 0}>
      <${Shown} resource=${found} what="Loading corrections" empty=${{when: (data) => data.corrections.length === 0, title: "No such correction", text: "A bar that is published again with a higher revision, late, or a split that is told late makes one."}}>
        ${(data) => html`<${SmallTable} columns=${COLUMNS} rows=${data.corrections} keyOf=${(row) => row.id} label="Corrections" />
          <div class="pager"><button disabled=${!before.length} onClick=${() => setBefore(before.slice(0, -1))}>Newer</button><button disabled=${data.next === null} onClick=${() => setBefore([...before, data.next])}>Older</button></div>`}<//><//>`;
}
