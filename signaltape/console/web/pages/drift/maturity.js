// How many predictions wait for their labels.
import {html} from "lib/html.js";
import {Badge, Empty, Panel, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {SmallTable} from "lib/table.js";
import {ago, duration, number, time} from "lib/format.js";

const COLUMNS = [
  {id: "who", name: "Series", cell: (row) => html`${row.strategy}<div class="quiet">${row.model} ${row.role}, ${row.interval}</div>`},
  {id: "horizon", name: "Horizon, bars", value: (row) => row.horizon, number: true},
  {id: "waiting", name: "Waiting", cell: (row) => number(row.waiting), number: true},
  {id: "labelled", name: "Label is in", cell: (row) => number(row.labelled), number: true},
  {id: "overdue", name: "Overdue", cell: (row) => row.overdue ? html`<${Badge} kind="odd">${number(row.overdue)}<//>` : "0", number: true},
  {id: "oldest", name: "Oldest without a label", cell: (row) => row.oldest === null ? "none" : html`${time(row.oldest)}<div class="quiet">given up after ${duration(row.given_up_after_ns / 1e9)}</div>`},
];

export function Maturity() {
  const found = useResource("drift/maturity", {}, {every: 15_000});
  return html`<${Panel} title="Maturity of labels" note=${found.data?.written_at ? `as of the drift agent's checkpoint ${ago(found.data.written_at)}` : null} flush=${(found.data?.series.length ?? 0) > 0}>
    <${Shown} resource=${found} what="Loading the labels that are awaited">${(data) => data.problem ? html`<${Empty} title="What waits is not known">${data.problem}<//>`
      : data.series.length === 0 ? html`<${Empty} title="No prediction waits for its label">Either all have matured, or nothing was predicted lately.<//>`
      : html`<${SmallTable} columns=${COLUMNS} rows=${data.series} keyOf=${(row) => `${row.strategy} ${row.subject}`} label="Predictions that wait for their labels" />
        <p class="cut">A label is a bar that closes as many bars later as the horizon says; it counts when its session closes. Overdue: that many later bars of the series have come, and none of this symbol.</p>`}<//><//>`;
}
