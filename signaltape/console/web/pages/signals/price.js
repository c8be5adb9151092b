// The price around a signal: its bar, its horizon, other signals of the symbol, and the return that followed.
import {html} from "lib/html.js";
import {basisPoints, number, percent, plural, time} from "lib/format.js";
import {Panel, Shown} from "lib/parts.js";
import {TimeChart} from "lib/chart.js";
import {useResource} from "lib/resource.js";

const SIDES = [["long", "--long"], ["short", "--short"], ["flat", "--flat"]];

export function Price({found, horizon}) {
  const resource = useResource("signals/around", {symbol: found.symbol, interval: found.interval, at: found.event_time_text, horizon});
  return html`<${Panel} title="The price around it" note="closes as they are known now">
    <${Shown} resource=${resource} what="Reading bars" empty=${{when: (data) => data.bars.length < 2, title: "Too few bars to draw", text: "Fewer than two bars of this symbol and interval are stored around this time."}}>
      ${(data) => html`<${Chart} data=${data} found=${found} horizon=${horizon} />`}<//><//>`;
}
function Chart({data, found, horizon}) {
  const times = data.bars.map((bar) => bar.event_time), closes = data.bars.map((bar) => bar.close);
  const place = new Map(times.map((ns, at) => [ns, at]));
  const sides = SIDES.map(([side, colour]) => {
    const values = new Array(times.length).fill(null);
    for (const one of data.signals) if (one.signal === side && place.has(one.event_time)) values[place.get(one.event_time)] = closes[place.get(one.event_time)];
    return {name: side, values, colour, points: "only"};
  });
  const here = times.filter((ns) => ns <= data.at).length - 1, end = here + horizon;
  const marks = [{at: data.at, name: found.signal ? "this signal" : "this bar", colour: "--accent"}];
  if (horizon && end < times.length) marks.push({at: times[end], name: "horizon", colour: "--odd"});
  return html`<${TimeChart} times=${times} height=${260} marks=${marks} summary=${words(data, horizon)}
    series=${[{name: "close", values: closes, colour: "--faint"}, ...sides]} />`;
}
function words(data, horizon) {
  const bars = `${number(data.bars.length)} closes from ${time(data.bars[0].event_time)} to ${time(data.bars.at(-1).event_time)} UTC, ${plural(data.signals.length, "signal")} among them. `;
  const one = data.outcome;
  if (!one) return bars + "No horizon: no model was asked.";
  if (one.matured) return `${bars}Over the ${plural(horizon, "bar")} that followed, the log return was ${basisPoints(one.log_return)} bp (${percent(Math.expm1(one.log_return), 2)}), known since ${time(one.until)} UTC.`;
  return `${bars}The return over the horizon is not known yet: ${number(one.bars)} of ${plural(horizon, "bar")} have closed.`;
}
