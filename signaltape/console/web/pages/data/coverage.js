// Coverage: bars of each symbol on each session day, against the fullest symbol of that day.
import {html} from "lib/html.js";
import {Empty, Panel, Scroll, Segments, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {number, plural} from "lib/format.js";
import {SpanFields, SpanTold} from "pages/data/span.js";
import {SymbolField} from "pages/data/symbols.js";
import {sessionDay} from "pages/drift/words.js";

const LEVELS = [["all", "as many as the fullest"], ["most", "90 % and more"], ["some", "fewer"], ["none", "no bar"]];
const level = (bars, most) => bars === 0 ? "none" : bars >= most ? "all" : bars >= 0.9 * most ? "most" : "some";

export function Coverage({query}) {
  const known = useResource("data/symbols", {limit: 1});
  const intervals = known.data?.intervals ?? [];
  const found = useResource("data/coverage", {interval: query.interval, q: query.q, from: query.from, to: query.to}, {every: 60_000});
  const interval = query.interval ?? found.data?.interval ?? "";
  return html`<${Panel} title="Which bars"><div class="filters">
      ${intervals.length ? html`<div class="field-like"><span>Bars of</span><${Segments} label="Bars of" options=${intervals.map((one) => [one, one])} value=${interval} onChange=${(value) => setQuery({interval: value})} /></div>` : null}
      <${SymbolField} label="Name holds (empty: all)" all value=${query.q} onChoose=${(q) => setQuery({q})} placeholder="all" /><${SpanFields} query=${query} /></div><//>
    <${Shown} resource=${found} what="Counting bars" empty=${{when: (data) => data.days.length === 0, title: "No bar of this interval is stored in this range", text: "Choose another interval, or a longer range."}}>
      ${(data) => html`<${Panel} title="Coverage" note=${`${plural(data.matching, "symbol")} with bars of ${data.interval}`}><${SpanTold} data=${data} /><${Grid} data=${data} />
        ${data.symbols_truncated ? html`<p class="cut">The first ${number(data.symbols_limit)} by name of ${number(data.matching)}: write a part of a name for others. The first lines count all symbols.</p>` : null}<//>`}<//>`;
}

function Grid({data}) {
  const line = (name, value) => html`<tr class="sum"><th scope="row">${name}</th>${data.days.map((day) => html`<td key=${day.session}>${value(day)}</td>`)}</tr>`;
  return html`<${Scroll} class="coverage"><table aria-label="Bars by symbol and session">
    <thead><tr><th scope="col">Session</th>${data.days.map((day) => html`<th scope="col" key=${day.session}>${sessionDay(day.session).slice(5)}</th>`)}</tr></thead>
    <tbody>${line("symbols with bars", (day) => number(day.symbols))}${line("bars", (day) => number(day.bars))}${line("most of one symbol", (day) => number(day.most))}
      ${data.symbols.map((row) => html`<tr key=${row.symbol}><th scope="row"><bdi>${row.symbol}</bdi></th>${row.bars.map((bars, index) => html`<td key=${index} class=${`cover-${level(bars, data.days[index].most)}`}>${bars === 0 ? "–" : number(bars)}</td>`)}</tr>`)}</tbody></table><//>
    ${data.symbols.length === 0 ? html`<${Empty} title="No symbol has this in its name">Clear the field to see all.<//>` : null}
    <p class="heat-legend">${LEVELS.map(([id, text]) => html`<span key=${id}><i class=${`swatch cover-${id}`}></i>${text}</span>`)}</p>`;
}
