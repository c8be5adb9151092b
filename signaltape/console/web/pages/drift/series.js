// The list of series; the chosen one stands in the address.
import {html} from "lib/html.js";
import {Table} from "lib/table.js";
import {setQuery} from "lib/router.js";
import {number} from "lib/format.js";
import {sessionDay} from "pages/drift/words.js";

const COLUMNS = [
  {id: "strategy", name: "Strategy", value: (row) => row.strategy},
  {id: "model", name: "Model", value: (row) => row.model},
  {id: "role", name: "Role", value: (row) => row.role, width: 90},
  {id: "interval", name: "Bars", value: (row) => row.interval, width: 70},
  {id: "horizon", name: "Horizon, bars", value: (row) => row.horizon, number: true, width: 120},
  {id: "sessions", name: "Sessions", value: (row) => row.sessions, cell: (row) => number(row.sessions), number: true, width: 100},
  {id: "newest", name: "Newest session", value: (row) => row.newest, cell: (row) => sessionDay(row.newest), width: 140},
  {id: "alerts", name: "Alerts", value: (row) => row.alerts, number: true, width: 90},
  {id: "last", name: "Last alert", value: (row) => row.newest_alert, cell: (row) => sessionDay(row.newest_alert) || "none", width: 130},
];
const keyOf = (row) => `${row.strategy}\n${row.subject}`;

export function SeriesTable({rows, chosen, truncated, limit}) {
  return html`<${Table} columns=${COLUMNS} rows=${rows} keyOf=${keyOf} height=${250} label="Series that were measured; Enter chooses one"
    chosen=${chosen ? keyOf(chosen) : null} onChoose=${(row) => setQuery({strategy: row.strategy, subject: row.subject, feature: null})} />
    ${truncated ? html`<p class="cut">Cut at the ${number(limit)} series with the newest sessions; <code>signaltape drift report --strategy S</code> has all of one strategy.</p>` : null}`;
}
