// The lines of `signaltape drift report`, session by session: the charts in numbers.
import {html, useMemo} from "lib/html.js";
import {Panel} from "lib/parts.js";
import {Table} from "lib/table.js";
import {number, percent, signed} from "lib/format.js";
import {sessionDay} from "pages/drift/words.js";

// Which flag an alert raises, by the metric that it is about: as the view drift_daily has it.
const FLAGS = {ic: "ic", psi: "psi", shape: "psi", feature_psi: "psi", feature_ks_p: "psi", sharpe_5: "sharpe", sharpe_20: "sharpe"};
const figure = (id, name, form, width) => ({id, name, width, number: true, value: (row) => row[id], cell: (row) => row[id] === null ? html`<span class="insufficient" title=${row.lacks[id] ?? ""}>insufficient</span>` : form(row[id])});
const COLUMNS = [
  {id: "session", name: "Session", value: (row) => row.session, cell: (row) => sessionDay(row.session), width: 110},
  figure("ic", "IC", (v) => signed(v, 3), 110), figure("ic_mean_5", "IC, 5 sessions", (v) => signed(v, 3), 130), figure("psi", "PSI", (v) => number(v, 3), 110),
  figure("feature_psi_max", "Feature PSI", (v) => number(v, 3), 120), figure("sharpe_20", "Sharpe, 20", (v) => signed(v, 3), 115), figure("hit_rate", "Hit rate", (v) => percent(v), 110), figure("pnl", "Return", (v) => signed(v, 3), 110),
  {id: "flags", name: "Alerts", value: (row) => row.flags, width: 110},
];
const FIGURES = ["ic", "ic_mean_5", "psi", "feature_psi_max", "sharpe_20", "hit_rate", "pnl"];

export function Sessions({data}) {
  const rows = useMemo(() => data.sessions.map((session, at) => {
    const flags = new Set(data.alerts.filter((one) => one.event_time === session).map((one) => FLAGS[one.metric] ?? one.rule));
    const row = {session, flags: [...flags].join(", "), lacks: {}};
    for (const name of FIGURES) {
      const column = data.metrics[name];
      row[name] = column?.value[at] ?? null;
      if (row[name] === null) row.lacks[name] = column ? `${number(column.size[at])} observations${column.minimum?.[at] ? ` of ${column.minimum[at]}` : ""}: ${column.reason?.[at] ?? "not said"}` : "not measured";
    }
    row.ic = data.ic_now[at] ?? null;
    return row;
  }), [data]);
  return html`<${Panel} title="Session by session" note="as signaltape drift report prints it; IC as it is now, after corrections of labels" flush>
    <${Table} columns=${COLUMNS} rows=${rows} keyOf=${(row) => row.session} height=${280} label="Figures by session" sort=${{id: "session", down: true}} /><//>`;
}
