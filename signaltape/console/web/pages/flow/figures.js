// The figures of the flow, with the last quarter of an hour beside those that move.
import {html} from "lib/html.js";
import {duration, number, rate} from "lib/format.js";
import {Figure, Figures as List, Panel} from "lib/parts.js";

// A line without axes; its words say the range that it spans.
function Spark({points, of, show, name}) {
  const values = points.map((point) => point[of]);
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return html`<div class="spark quiet">${known.length ? "begins now" : "nothing yet"}</div>`;
  const least = Math.min(0, ...known), most = Math.max(...known), span = most - least || 1;
  const x = (at) => 2 + 156 * at / Math.max(1, values.length - 1), y = (value) => 27 - 24 * (value - least) / span;
  const parts = [];
  let pen = "M";
  values.forEach((value, at) => { if (value === null) { pen = "M"; return; } parts.push(`${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`); pen = "L"; });
  return html`<svg class="spark" viewBox="0 0 160 30" role="img" aria-label=${`${name}, last ${Math.round(points.length * 5 / 60) || 1} minutes: between ${show(Math.min(...known))} and ${show(most)}`}><path d=${parts.join("")} /></svg>`;
}
const both = (one) => one.p50 === null ? "–" : `${duration(one.p50)} / ${duration(one.p99)}`;

export function Figures({data}) {
  const {rates, latency, waiting, late_s: late, dead_letters: letters, dead_letters_kept: kept, online_stale: stale, symbols} = data.figures;
  const points = data.history;
  const shown = [
    [html`<${Figure} name="Bars" value=${rate(rates.bars)} />`, html`<${Spark} points=${points} of="bars" show=${rate} name="Bars" />`],
    [html`<${Figure} name="Signals" value=${rate(rates.signals)} />`, html`<${Spark} points=${points} of="signals" show=${rate} name="Signals" />`],
    [html`<${Figure} name="Bar to signal, p50 / p99" value=${both(latency.to_signal)} />`, html`<${Spark} points=${points} of="p99" show=${duration} name="p99" />`],
    [html`<${Figure} name="Most that waits" value=${number(waiting)} unit="messages" kind=${waiting > 500 ? "odd" : ""} />`, html`<${Spark} points=${points} of="waiting" show=${number} name="Messages that wait" />`],
  ];
  const rest = [
    ["Oldest that waits", late === null ? "not known" : duration(late), ""],
    ["Predictions", rate(rates.predictions), ""], ["Feature vectors", rate(rates.features), ""],
    ["Model call, p50 / p99", both(latency.model), ""], ["Stored after, p50 / p99", both(latency.store), ""],
    [kept ? "Dead letters" : "Dead letters since start", letters === null ? "not known" : number(letters), ""],
    ["Online store", stale === null ? "not known" : stale ? "may lag" : "in step", ""],
    ["Symbols", Object.keys(symbols).length ? number(symbols.warm ?? 0) : "not known", !Object.keys(symbols).length ? "" : `warm${symbols.warming ? `, ${number(symbols.warming)} warming up` : ""}${symbols.awaiting_repair ? `, ${number(symbols.awaiting_repair)} await repair` : ""}`],
  ];
  const since = Math.round(points.length * 5 / 60);  // a point in five seconds, while a page was open
  return html`<${Panel} title="Now" note=${`lines: the last ${since < 1 ? "minute" : `${since} minutes`} that a page was open, at most 15; latencies over the last minute`}>
    <div class="sparks">${shown.map(([figure, line], at) => html`<div key=${at}><dl>${figure}</dl>${line}</div>`)}</div>
    <${List}>${rest.map(([name, value, unit]) => html`<${Figure} key=${name} name=${name} value=${value} unit=${unit} />`)}<//><//>`;
}
