// Quality of incoming bars, by day and by symbol: the counts of `signaltape quality report`.
import {html, useMemo} from "lib/html.js";
import {Empty, Figure, Figures, Panel, Scroll, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {Table} from "lib/table.js";
import {TimeChart} from "lib/chart.js";
import {duration, number, percent, plural, time} from "lib/format.js";
import {SpanFields, SpanTold} from "pages/data/span.js";
import {SymbolField} from "pages/data/symbols.js";
import {middle, sessionDay} from "pages/drift/words.js";

const KINDS = [["gap", "Gaps"], ["spike", "Spikes"], ["stale", "Stale"], ["zero_volume", "No volume"]];
const count = (id, name, value, width = 105) => ({id, name, value, cell: (row) => number(value(row)), number: true, width});
const COLUMNS = [
  {id: "symbol", name: "Symbol", value: (row) => row.symbol, cell: (row) => html`<bdi>${row.symbol}</bdi>`}, {id: "interval", name: "Bars of", value: (row) => row.interval, width: 80},
  count("bars", "Stored", (row) => row.bars), count("secondary", "2nd source", (row) => row.secondary), count("marked", "Marked", (row) => row.marked, 90),
  ...KINDS.map(([id, name]) => count(id, name, (row) => row.marks[id], id === "zero_volume" ? 105 : 85)),
];
const DAYS = [
  {id: "session", name: "Session", value: (row) => row.session, cell: (row) => sessionDay(row.session), width: 110}, {id: "interval", name: "Bars of", value: (row) => row.interval, width: 80},
  count("bars", "Bars", (row) => row.bars), count("late", "Late", (row) => row.late, 80),
  {id: "share", name: "Late share", value: (row) => row.bars ? row.late / row.bars : null, cell: (row) => percent(row.bars ? row.late / row.bars : null, 2), number: true, width: 100},
  count("corrections", "Corrections", (row) => row.corrections, 115), count("secondary", "2nd source", (row) => row.secondary), count("marked", "Marked", (row) => row.marked, 90),
  ...KINDS.map(([id, name]) => count(id, name, (row) => row[id], id === "zero_volume" ? 105 : 85)),
  {id: "lag", name: "Longest lag", value: (row) => row.lag_s, cell: (row) => row.lag_s === null ? "–" : duration(row.lag_s), number: true, width: 110},
];

export function Quality({query}) {
  const found = useResource("data/quality", {symbol: query.symbol, from: query.from, to: query.to}, {every: 60_000});
  return html`<${Panel} title="Which bars"><div class="filters">
      <${SymbolField} label="Symbol (empty: all)" all value=${query.symbol} onChoose=${(symbol) => setQuery({symbol})} placeholder="all" /><${SpanFields} query=${query} /></div><//>
    <${Shown} resource=${found} what="Counting bars" empty=${{when: (data) => data.days.length === 0, title: "No bar is stored in this range", text: html`Bars come with <code>signaltape publish</code> or over <code>bars-in</code>; <code>signaltape status</code> shows whether they flow.`}}>
      ${(data) => html`<${Found} data=${data} />`}<//>`;
}

function Found({data}) {
  const all = useMemo(() => total(data.days), [data]);
  const course = useMemo(() => byDay(data.days), [data]);
  return html`<div class="grid"><${Panel} title="Incoming bars"><${SpanTold} data=${data} />
      <${Figures}><${Figure} name="bars" value=${number(all.bars)} /><${Figure} name="late" value=${number(all.late)} unit=${percent(all.bars ? all.late / all.bars : null, 2)} kind=${all.bars && all.late / all.bars > 0.01 ? "odd" : null} />
        <${Figure} name="corrections" value=${number(all.corrections)} />${KINDS.map(([id, name]) => html`<${Figure} key=${id} name=${name.toLowerCase()} value=${number(all[id])} unit=${percent(all.bars ? all[id] / all.bars : null, 2)} />`)}<//><//>
    ${course.times.length > 1 ? html`<div class="grid two"><${Panel} title="Late share over time" note="of first bars, all intervals"><${TimeChart} times=${course.times} height=${180} unit=" %" series=${[{name: "late", values: course.late, colour: "--series-2"}]} summary=${`Highest ${number(Math.max(...course.late), 3)} % in ${plural(course.times.length, "session")}.`} /><//>
      <${Panel} title="Marks over time" note="bars with a mark"><${TimeChart} times=${course.times} height=${180} series=${KINDS.map(([id, name], index) => ({name, values: course[id], colour: `--series-${index + 1}`}))} summary=${`${number(all.marked)} of ${number(all.bars)} bars carry a mark.`} /><//></div>` : null}
    <${Panel} title="By session" flush><${Table} columns=${DAYS} rows=${data.days} keyOf=${(row) => `${row.session} ${row.interval}`} height=${300} label="How bars came in, by session" sort=${{id: "session", down: true}} /><//>
    <${Panel} title="By symbol" note="those with the most marks first" flush><${Table} columns=${COLUMNS} rows=${data.lines} keyOf=${(row) => `${row.symbol}\n${row.interval}`} height=${420} label="Marks by symbol; Enter shows one symbol" onChoose=${(row) => setQuery({symbol: row.symbol})} />
      ${data.lines_truncated ? html`<p class="cut">The ${number(data.lines_limit)} with the most marks, of ${number(data.lines_all)}; <code>signaltape quality report</code> has all.</p>` : null}<//>
    <${Examples} lines=${data.lines} /></div>`;
}
function Examples({lines}) {
  const rows = lines.slice(0, 12).flatMap((line) => line.examples.map((one) => ({...one, symbol: line.symbol, interval: line.interval}))).slice(0, 24);
  if (!rows.length) return html`<${Panel} title="Marked bars"><${Empty} title="No bar of this range is marked">Gaps, spikes, stale prices and zero volumes would be listed here.<//><//>`;
  return html`<${Panel} title="Newest marked bars" note="of the symbols with the most marks" flush><${Scroll}><table aria-label="Newest marked bars"><thead><tr><th scope="col">Symbol</th><th scope="col">Bars of</th><th scope="col">Mark</th><th scope="col">Close, UTC</th><th scope="col" class="number">Price</th><th scope="col">Source</th></tr></thead>
    <tbody>${rows.map((one, index) => html`<tr key=${index}><td><bdi>${one.symbol}</bdi></td><td>${one.interval}</td><td>${one.kind.replaceAll("_", " ")}</td><td>${time(one.event_time)}</td><td class="number">${number(one.close, 8)}</td><td>${one.source}${one.revision ? `, revision ${one.revision}` : ""}</td></tr>`)}</tbody></table><//><//>`;
}
function total(days) {
  const sum = {bars: 0, late: 0, corrections: 0, marked: 0, gap: 0, spike: 0, stale: 0, zero_volume: 0};
  for (const day of days) for (const name of Object.keys(sum)) sum[name] += day[name];
  return sum;
}
function byDay(days) {
  const groups = new Map();
  for (const day of days) { const held = groups.get(day.session) ?? []; held.push(day); groups.set(day.session, held); }
  const sessions = [...groups.keys()].sort((a, b) => a - b), sums = sessions.map((one) => total(groups.get(one)));
  return {times: sessions.map(middle), late: sums.map((one) => one.bars ? 100 * one.late / one.bars : 0), ...Object.fromEntries(KINDS.map(([id]) => [id, sums.map((one) => one[id])]))};
}
