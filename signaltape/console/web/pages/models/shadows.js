// How a strategy's shadows differ from what serves: the figures of `models shadow-report`, and their course.
import {html, useState} from "lib/html.js";
import {Badge, Segments, Shown} from "lib/parts.js";
import {SmallTable} from "lib/table.js";
import {TimeChart} from "lib/chart.js";
import {useResource} from "lib/resource.js";
import {number, percent, plural, time} from "lib/format.js";
import {Model} from "pages/models/words.js";

const SPANS = [["6", "6 h"], ["24", "24 h"], ["168", "7 days"], ["4380", "half a year"]];
const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5"];

export function ShadowReport({strategy, span}) {
  const [hours, setHours] = useState(span);
  const found = useResource("models/shadows", {strategy, hours});
  return html`<div class="shadows"><${Segments} label="Span before the newest bar" options=${SPANS} value=${hours} onChange=${setHours} />
    <${Shown} resource=${found} what="Comparing" empty=${{when: (data) => !data.lines.length, title: "No bar was answered by a shadow in this span.", text: "A shadow answers beside the live model from the bar on from which it was started; choose a longer span, or wait for the next bars."}}>${(data) => html`
      <${SmallTable} label="Shadows against the serving model" rows=${data.lines} keyOf=${(one) => `${one.shadow}/${one.interval}`} columns=${columns(data)} />
      <${Course} data=${data} />
      <p class="quiet small">Rows that both sides answered themselves, bars after ${time(data.after)} up to ${time(data.until)}. Scores differ where they are more than ${number(data.tolerance)} apart. ${data.truncated ? `A longer span was asked for; shown are the last ${number(data.limit_hours)} hours.` : ""}</p>`}<//></div>`;
}

const columns = (data) => [
  {id: "shadow", name: "Shadow", value: (one) => one.shadow, cell: (one) => html`<${Model} model=${one.shadow} /> <span class="quiet">${one.interval}</span>`},
  {id: "rows", name: "Rows compared", number: true, value: (one) => one.compared, cell: (one) => `${number(one.compared)} at ${plural(one.compared_bars, "bar")}`},
  {id: "scores", name: "Scores differ", number: true, value: (one) => one.score_rate, cell: (one) => percent(one.score_rate, 2)},
  {id: "mean", name: "Mean / largest difference", number: true, value: (one) => one.mean_difference, cell: (one) => `${number(one.mean_difference, 3)} / ${number(one.max_difference, 3)}`},
  {id: "correlation", name: "Correlation", number: true, value: (one) => one.correlation, cell: (one) => one.correlation === null ? "undefined" : number(one.correlation, 4)},
  {id: "directions", name: "Directions differ", number: true, value: (one) => one.direction_rate, cell: (one) => percent(one.direction_rate, 2)},
  {id: "opposite", name: "Long against short", number: true, value: (one) => one.direction_opposite},
  {id: "complete", name: "Complete", value: (one) => one.complete, cell: (one) => one.complete ? html`<${Badge} kind="good">all rows<//>` : html`<${Badge} kind="bad">${number(one.shadow_answered)} of ${number(one.live_rows)} rows<//>`},
];

function Course({data}) {
  const times = [...new Set(data.course.map((one) => one.at))].sort((a, b) => a - b);
  if (times.length < 2) return null;
  const shadows = [...new Set(data.course.map((one) => one.shadow))];
  const series = shadows.map((shadow, at) => {
    const by = new Map(data.course.filter((one) => one.shadow === shadow).map((one) => [one.at, one]));
    return {name: `${shadow}: directions differ`, colour: COLOURS[at % COLOURS.length], points: true, values: times.map((when) => by.has(when) ? 100 * by.get(when).directions / by.get(when).rows : null)};
  });
  const said = data.lines.map((one) => `${one.shadow} ${percent(one.direction_rate, 1)}`).join(", ");
  return html`<${TimeChart} times=${times} series=${series} unit=" %" height=${180} range=${(_, low, high) => [0, Math.max(1, high ?? 1)]} summary=${`Share of rows with another direction than what serves, in ${plural(times.length, "span")} of time. Over all of them: ${said}.`} />`;
}
