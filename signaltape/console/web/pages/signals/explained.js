// One bar of one symbol with all that led to its signal, or to none; the same facts as `signaltape explain`.
import {html} from "lib/html.js";
import {basisPoints, duration, number, percent, time} from "lib/format.js";
import {Link} from "lib/router.js";
import {Badge, Empty, Figure, Figures, Failure, Loading, PageHead, Pairs, Panel} from "lib/parts.js";
import {SmallTable} from "lib/table.js";
import {useNow} from "lib/live.js";
import {useResource} from "lib/resource.js";
import {Price} from "pages/signals/price.js";
import {Models, Router} from "pages/signals/decision.js";
import {Direction} from "pages/signals/rows.js";

const VERDICTS = {
  agrees: ["good", "computed again: equal"], differs: ["bad", "computed again: DIFFERS"],
  "not checked": ["odd", "not computed again"], nothing: ["none", "nothing to compute again"],
};

export function Explained({id, symbol, at, interval}) {
  const resource = useResource(id ? `signals/explain/${encodeURIComponent(id)}` : symbol && at ? "signals/explain" : null, id ? {} : {symbol, at, interval});
  const back = html`<${Link} to="/console/signals" class="button">Back to the tape<//>`;
  const named = id ? `Signal ${id.slice(0, 12)}` : `${symbol} at ${at}`;
  if (!id && !(symbol && at)) return html`<${PageHead} title="Why was there none?" lead="Name a symbol and the close of a bar.">${back}<//><${Empty} title="Nothing was asked">Open the view <em>Held back</em>.<//>`;
  if (resource.loading) return html`<${PageHead} title=${html`<bdi>${named}</bdi>`} lead="Computing the bar again, from the stored bars on.">${back}<//><${Panel}><${Loading} what="Computing again" /><//>`;
  if (resource.error && !resource.data) return html`<${PageHead} title=${html`<bdi>${named}</bdi>`} lead="">${back}<//><${Panel}><${Failure} error=${resource.error} retry=${resource.reload} /><//>`;
  return html`<${Whole} found=${resource.data} back=${back} />`;
}

function Whole({found, back}) {
  const signal = found.signal, now = useNow(5_000);
  const [kind, words] = VERDICTS[found.recomputation.verdict];
  const horizon = signal?.horizon ?? found.models.map((one) => one.row?.horizon).find(Boolean) ?? 0;
  const title = html`<bdi>${found.symbol}</bdi> ${signal ? html`<${Direction} signal=${signal.signal} />` : "no signal"}`;
  const lead = html`${found.interval} bar that closed at <span class="mono">${time(found.event_time)}</span> UTC, partition ${found.partition}`;
  const links = {symbol: `/console/signals?${new URLSearchParams({symbol: found.symbol, view: "held"})}`, data: `/console/data?${new URLSearchParams({symbol: found.symbol, at: found.at})}`};
  return html`<${PageHead} title=${title} lead=${lead}><${Badge} kind=${kind}>${words}<//>
      <${Link} class="button" to=${links.symbol}>This symbol<//><${Link} class="button" to=${links.data}>Its data<//>${back}<//>
    ${signal ? html`<${Panel} title="What was sent" note=${signal.expired || signal.expires_at / 1e6 <= now ? "it has expired" : "it still holds"}><${Figures}>
      <${Figure} name="Signal" value=${html`<${Direction} signal=${signal.signal} />`} />
      <${Figure} name="Score" value=${basisPoints(signal.score)} unit="bp of log return expected" />
      <${Figure} name="Confidence" value=${signal.reason === "fallback" ? "fallback" : percent(signal.confidence)} />
      <${Figure} name="Reference price" value=${number(signal.reference_price, 7)} />
      <${Figure} name="Horizon" value=${number(signal.horizon)} unit="bars" />
      <${Figure} name="Position scale" value=${number(signal.position_scale, 3)} /><//>
      <${Pairs} rows=${[["Id", html`<span class="mono">${signal.signal_id}</span>`], ["Strategy", html`<bdi>${signal.strategy}</bdi>`],
        ["Models", signal.models.map((one, at) => html`${at ? ", " : ""}<${Link} to=${`/console/models/${encodeURIComponent(one)}`}>${one}<//>`)],
        ["Expires", `${time(signal.expires_at)} UTC`], ["Place", `number ${number(signal.seq)} of partition ${signal.partition}, offset ${number(signal.topic_offset)} of signals`]]} /><//>` : null}
    <${Panel} title=${signal ? "Why it was sent" : "Why there was none"}><${Reasons} found=${found} /><//>
    <${Price} found=${found} horizon=${horizon} />
    <${Models} found=${found} />
    <${Router} found=${found} />
    <${Recomputed} again=${found.recomputation} />
    <${Features} vectors=${found.features} />
    <${Bars} bars=${found.bars} />
    <${Control} events=${found.control} />
    <${Latency} found=${found.latency} />`;
}
function Reasons({found}) {
  if (!found.reasons.length) return html`<p class="quiet">Nothing is recorded about it.</p>`;
  return html`<ul class="reasons">${found.reasons.map((one, at) => html`<li key=${at}><code>${one.code}</code> <bdi>${one.text}</bdi>
    ${one.strategy ? html`<span class="quiet"> <bdi>${one.strategy}</bdi> · ${one.model}</span>` : null}</li>`)}</ul>`;
}
function Recomputed({again}) {
  const how = again.exact ? "bit for bit" : "within tolerances: another arithmetic made the recorded values";
  const [kind, words] = VERDICTS[again.verdict];
  const rows = [["Verdict", html`<${Badge} kind=${kind}>${words}<//>`], ["Compared", again.checked.length ? `${again.checked.join(", ")}; ${how}` : "nothing"]];
  if (again.begins) rows.push(["Features begin with", again.begins]);
  if (again.honoured.length) rows.push(["Taken as recorded", again.honoured.map((one) => html`<div key=${one}>${one}</div>`)]);
  if (again.differences.length) rows.push(["Differs", again.differences.map((one) => html`<div class="mono bad-text" key=${one.text}>${one.text}</div>`)]);
  if (again.problems.length) rows.push(["Not checked", again.problems.map((one) => html`<div key=${one}>${one}</div>`)]);
  return html`<${Panel} title="Computed again" note="from the stored bars, by the code that runs live"><${Pairs} rows=${rows} /><//>`;
}
function Features({vectors}) {
  if (!vectors.length) return html`<${Panel} title="Features"><p class="quiet">No feature vector of this bar is stored: the symbol was still warming up, or its bar made none.</p><//>`;
  return vectors.map((one) => html`<${Panel} key=${`${one.feature_set}${one.set_version}`} title=${`Features ${one.feature_set} v${one.set_version}`}
      note=${`${number(Object.keys(one.values).length)} values, ${number(one.masked.length)} undefined`}>
    <details><summary>Values, in the order of the set</summary><dl class="values">${Object.entries(one.values).map(([name, value]) => html`<div key=${name}><dt>${name}</dt>
      <dd class="mono">${value === null ? "undefined" : number(value, 8)}</dd></div>`)}</dl></details>
    <${Pairs} rows=${[["Set hash", html`<span class="mono">${one.set_hash}</span>`], ["Revision", html`<span class="mono">${one.revision}</span>`], ["Known since", `${time(one.available_time)} UTC`],
      ["Arithmetic", html`<span class="mono">${one.numerics || "not recorded"}</span>`]]} /><//>`);
}
function Bars({bars}) {
  const columns = [
    {id: "at", name: "Close (UTC)", value: (row) => row.event_time, cell: (row) => html`<span class="mono">${time(row.event_time)}</span>`},
    ...["open", "high", "low", "close"].map((name) => ({id: name, name: name[0].toUpperCase() + name.slice(1), number: true, value: (row) => number(row[name], 7)})),
    {id: "volume", name: "Volume", number: true, value: (row) => row.volume === null ? "none" : number(row.volume)},
    {id: "source", name: "Source", value: (row) => html`<bdi>${row.source}</bdi>`}, {id: "revision", name: "Revision", number: true, value: (row) => number(row.revision)},
    {id: "place", name: "Offset", number: true, value: (row) => number(row.source_offset)}, {id: "status", name: "Status", value: (row) => row.status},
  ];
  if (!bars.length) return html`<${Panel} title="Bars"><p class="quiet">No bar of this close is stored.</p><//>`;
  return html`<${Panel} title="Bars" note=${`the last 10 of ${number(bars.length)} that the features' windows reach, as the log had them then`} flush>
    <${SmallTable} label="Bars up to this one" columns=${columns} rows=${bars.slice(-10).reverse()} keyOf=${(row) => row.event_time} /><//>`;
}
function Control({events}) {
  if (!events.length) return null;
  return html`<${Panel} title="Decisions in force" note="control events that had an effect on this bar"><ul class="reasons">${events.map((one) => html`<li key=${one.event_id}>
    <code>${one.action}</code> <bdi>${one.text}</bdi>${one.model ? html` <span class="mono">${one.model}:${one.model_version}</span>` : null}
    ${one.parameters && Object.keys(one.parameters).length ? html` <span class="mono">${JSON.stringify(one.parameters)}</span>` : null}${one.late ? html` <${Badge} kind="odd">late<//>` : null}</li>`)}</ul><//>`;
}
function Latency({found}) {
  if (!found.steps.length) return null;
  const columns = [{id: "step", name: "Step", value: (row) => row.step}, {id: "time", name: "Time (UTC)", value: (row) => html`<span class="mono">${time(row.time)}</span>`},
    {id: "since", name: "After the bar's publication", number: true, value: (row) => row.since_bar_ms === null ? "–" : duration(row.since_bar_ms / 1000)}];
  return html`<${Panel} title="How long it took" note=${found.missing || "broker's times while the topics keep them, then times of storing"} flush>
    <${SmallTable} label="Steps" columns=${columns} rows=${found.steps} keyOf=${(row) => row.step} /><//>`;
}
