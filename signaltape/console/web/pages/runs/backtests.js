// Backtests of this home folder: a table, and one with its figures, course, months and symbols.
import {html} from "lib/html.js";
import {Badge, Empty, Panel, Pairs, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {go} from "lib/router.js";
import {SmallTable, Table} from "lib/table.js";
import {TimeChart} from "lib/chart.js";
import {number, percent, plural, signed, time} from "lib/format.js";
import {FigureCell, figureText, lacks} from "pages/runs/figures.js";

const figure = (id, name, width) => ({id, name, width, number: true, value: (row) => row.metrics[id]?.value ?? null, cell: (row) => row.problem ? "–" : html`<${FigureCell} name=${id} found=${row.metrics[id]} />`});
const COLUMNS = [
  {id: "written", name: "Written, UTC", value: (row) => row.written, cell: (row) => time(row.written).slice(0, 16), width: 155},
  {id: "model", name: "Model", value: (row) => row.model ?? "", cell: (row) => row.problem ? html`<${Badge} kind="bad">unreadable<//>` : html`<bdi>${row.model}</bdi>`, width: 130},
  {id: "interval", name: "Bars of", value: (row) => row.interval, width: 75},
  {id: "range", name: "Range", value: (row) => row.first_close, cell: (row) => row.problem ? html`<span title=${`${row.name}: ${row.problem}`}><bdi>${row.name}</bdi>: ${row.problem}</span>` : `${row.first_close?.slice(0, 10) ?? ""} – ${row.last_close?.slice(0, 10) ?? ""}`, width: 215},
  figure("total_return", "Return", 95), figure("sharpe", "Sharpe", 105), figure("max_drawdown", "Max drawdown", 115), figure("information_coefficient", "IC", 105), figure("trades", "Trades", 80),
];

export function Backtests({id}) {
  const all = useResource("runs/backtests", {}, {every: 15_000});
  const chosen = all.data?.backtests.find((one) => one.id === id) ?? null;
  return html`<${Panel} title="Backtests" note=${all.data ? `${plural(all.data.all, "result")} below the folder backtests of this home` : null} flush=${(all.data?.backtests.length ?? 0) > 0}>
      <${Shown} resource=${all} what="Loading backtests" empty=${{when: (data) => data.backtests.length === 0, title: "There is no backtest",
        text: html`Run one in a shell: <code>signaltape backtest --model NAME</code>. Its results lie below <code>backtests</code> of the home folder; one that was written elsewhere (<code>--out</code>) is not listed here.`}}>
        ${(data) => html`<${Table} columns=${COLUMNS} rows=${data.backtests} keyOf=${(row) => row.id} height=${260} label="Backtests; Enter shows one" chosen=${chosen?.id ?? null} onChoose=${(row) => go(`/console/runs/backtests/${row.id}`)} sort=${{id: "written", down: true}} />
          <p class="cut">${data.truncated ? `The newest ${number(data.limit)} of ${number(data.all)}. ` : ""}One that was written elsewhere (<code>--out</code>) is not listed.</p>`}<//><//>
    ${id ? html`<${One} key=${id} id=${id} />` : all.data?.backtests.length ? html`<${Panel}><${Empty} title="Choose a backtest">Its figures, its course and its report.<//><//>` : null}`;
}

function One({id}) {
  const found = useResource(`runs/backtests/${encodeURIComponent(id)}`);
  return html`<${Shown} resource=${found} what="Loading the backtest">${(data) => html`<div class="grid"><${Overview} data=${data} /><${Course} course=${data.course} /><${Tables} data=${data} /></div>`}<//>`;
}

function Overview({data}) {
  const tools = data.has_report ? html`<a class="button" href=${`/console/api/runs/backtests/${encodeURIComponent(data.id)}/report`} target="_blank" rel="noopener noreferrer">Open the report in a new tab</a>` : html`<span class="quiet">it has no report.html</span>`;
  return html`<${Panel} title=${`${data.model}, bars of ${data.interval}`} note=${`${data.first_close} to ${data.last_close}, ${plural(data.sessions, "session")}`} tools=${tools}>
    ${data.notes.map((one) => html`<div key=${one} class="banner note"><span>${one}</span></div>`)}
    <dl class="figures">${["total_return", "annual_return", "sharpe", "max_drawdown", "hit_rate_trades", "information_coefficient", "costs", "trades"].map((name) => { const of = data.figures.find((one) => one.name === name); return of ? html`<${Headline} key=${name} of=${of} errors=${data.figures} />` : null; })}</dl>
    <details><summary>Terms and counts</summary><${Pairs} rows=${[["name", html`<code>${data.name}</code>`], ["source of the bars", data.request.source], ...Object.entries(data.request.trading ?? {}).map(([name, value]) => [name.replaceAll("_", " "), typeof value === "number" ? number(value) : String(value)]),
      ...Object.entries(data.counts).map(([name, value]) => [name.replaceAll("_", " "), number(value)])]} /></details><//>`;
}
function Headline({of, errors}) {
  const text = figureText(of.name, of.value), error = errors.find((one) => one.name === `${of.name}_error`), more = figureText(`${of.name}_error`, error?.value);
  return html`<div class="figure" title=${of.about}><dt>${of.label}</dt><dd class=${text === null ? "insufficient" : ""}>${text ?? "insufficient"}<small> ${text === null ? lacks(of.value) : more === null ? "" : `± ${more}`}</small></dd></div>`;
}

function Course({course}) {
  if (course.problem) return html`<${Panel} title="Equity"><${Empty} title="The course can't be drawn">${course.problem}.<//><//>`;
  const {time: times, equity, low, high, drawdown} = course, fall = drawdown.map((one) => -100 * one), deepest = Math.min(...fall);
  const thinned = course.bar_times > times.length ? `; each of ${number(times.length)} points stands for several of ${number(course.bar_times)} bar times, the band spans them` : "";
  return html`<div class="grid"><${Panel} title="Equity" note="currency, after costs"><${TimeChart} times=${times} height=${240} bands=${[[1, 2]]} series=${[{name: "equity", values: equity}, {name: "highest", values: high, width: 0.5}, {name: "lowest", values: low, width: 0.5}]}
      summary=${`From ${number(Math.round(equity[0]))} to ${number(Math.round(equity.at(-1)))}, lowest ${number(Math.round(Math.min(...low)))}${thinned}.`} /><//>
    <${Panel} title="Drawdown" note="of the highest equity before"><${TimeChart} times=${times} height=${150} unit=" %" series=${[{name: "drawdown", values: fall, colour: "--series-2"}]} summary=${`Deepest ${number(deepest, 3)} %.`} /><//></div>`;
}

const FIGURES = [
  {id: "label", name: "Figure", cell: (row) => html`${row.label}<div class="quiet">${row.about}</div>`},
  {id: "value", name: "Value", number: true, cell: (row) => figureText(row.name, row.value) ?? html`<span class="insufficient">insufficient</span>`},
  {id: "between", name: "95 %", number: true, cell: (row) => row.value?.low === undefined || row.value?.low === null ? "" : `${number(row.value.low, 3)} to ${number(row.value.high, 3)}`},
  {id: "lacks", name: "What it lacks", cell: (row) => row.value?.value === null || !row.value ? lacks(row.value) : ""},
];
const MONTHS = [
  {id: "period", name: "Month", value: (row) => row.period}, {id: "return", name: "Return", number: true, cell: (row) => `${row.return > 0 ? "+" : ""}${percent(row.return, 2)}`},
  {id: "equity", name: "Equity at the end", number: true, cell: (row) => number(Math.round(row.equity))}, {id: "costs", name: "Costs", number: true, cell: (row) => number(Math.round(row.costs))},
  {id: "trades", name: "Trades", number: true, cell: (row) => number(row.trades)}, {id: "won", name: "Won", number: true, cell: (row) => row.trades ? percent(row.wins / row.trades, 0) : "–"},
];
const money = (id, name) => ({id, name, number: true, value: (row) => row[id], cell: (row) => signed(Math.round(row[id]))});
const SYMBOLS = [
  {id: "symbol", name: "Symbol", value: (row) => row.symbol, cell: (row) => html`<bdi>${row.symbol}</bdi>`}, money("net", "Net profit"), money("gross", "Before costs"),
  {id: "costs", name: "Costs", number: true, value: (row) => row.costs, cell: (row) => number(Math.round(row.costs))}, {id: "trades", name: "Trades", number: true, value: (row) => row.trades},
  {id: "won", name: "Won", number: true, value: (row) => row.trades ? row.wins / row.trades : null, cell: (row) => row.trades ? percent(row.wins / row.trades, 0) : "–"},
];
function Tables({data}) {
  return html`<div class="grid two"><${Panel} title="Figures" flush><${SmallTable} columns=${FIGURES} rows=${data.figures} keyOf=${(row) => row.name} label="All figures" /><//>
    <div class="grid"><${Panel} title="By month" flush><${SmallTable} columns=${MONTHS} rows=${data.by_month} keyOf=${(row) => row.period} label="Figures by month" /><//>
      <${Panel} title="By symbol" note="largest profits and losses first" flush=${data.by_symbol.length > 0}>${data.by_symbol.length ? html`<${Table} columns=${SYMBOLS} rows=${data.by_symbol} keyOf=${(row) => row.symbol} height=${420} label="Figures by symbol" />
        ${data.symbols > data.symbols_limit ? html`<p class="cut">The ${number(data.symbols_limit)} with the largest profit or loss of ${number(data.symbols)}; result.json has all.</p>` : null}` : html`<${Empty} title="Nothing was traded">No signal led to a fill: see the notes.<//>`}<//></div></div>`;
}
