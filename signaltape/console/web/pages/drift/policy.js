// The policy that decides what becomes an alert, and what it was measured to cost.
import {html} from "lib/html.js";
import {Panel, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {SmallTable} from "lib/table.js";
import {number} from "lib/format.js";

const MEASURED = [
  {id: "variant", name: "Market", value: (row) => row.variant},
  {id: "alarms", name: "False alarms a year", value: (row) => row.alarms_a_year, number: true},
  {id: "sessions", name: "Sessions until a lost IC is noticed", value: (row) => row.sessions_to_notice, number: true},
  {id: "share", name: "In a year", value: (row) => row.noticed_within_a_year, number: true},
];
const BUDGETS = [
  {id: "of", name: "Watches", value: (row) => row.of},
  {id: "alarms", name: "False alarms a year", cell: (row) => number(row.alarms_a_year, 3), number: true},
  {id: "threshold", name: "e-value threshold, undivided", cell: (row) => number(row.threshold), number: true},
];
const PARAMETERS = [
  {id: "name", name: "Parameter", cell: (row) => html`<span class="mono">${row.name}</span><div class="quiet">${row.means}</div>`},
  {id: "value", name: "Value", cell: (row) => Array.isArray(row.value) ? row.value.join(", ") : number(row.value), number: true},
];
const RULES = [
  {id: "name", name: "Rule", cell: (row) => html`<span class="mono">${row.name}</span>`},
  {id: "when", name: "Fires", cell: (row) => `${row.metric} ${row.side} ${row.threshold} for ${row.days === 1 ? "a day" : `${row.days} days`}`},
  {id: "severity", name: "Severity", value: (row) => row.severity},
];

export function Policy() {
  const found = useResource("drift/policy", {}, {every: 60_000});
  return html`<${Panel} title="Policy in force" note=${found.data ? found.data.name : null}>
    <${Shown} resource=${found} what="Loading the policy">${(data) => html`
      ${data.same === false ? html`<div class="problem" role="alert">The drift agent ran with another policy at its last checkpoint (${data.agent_fingerprint}) than these settings name (${data.fingerprint}): give both the same SIGNALTAPE_DRIFT__POLICY.</div>` : null}
      <p>${data.kind === "calibrated" ? html`Evidence against a budget of <b>${number(data.budget)}</b> false alarms a year per model.` : html`Fixed thresholds over consecutive days; it promises nothing about false alarms.`}
        <span class="quiet"> A figure needs ${number(data.minimum_names)} names; ${number(data.lookback)} sessions are remembered.${data.same === null ? " The drift agent has not told its own policy yet." : ""}</span></p>
      <div class="grid two"><div>${data.budgets.length ? html`<h3 class="gap">Budget</h3><${SmallTable} columns=${BUDGETS} rows=${data.budgets} keyOf=${(row) => row.of} label="How the budget of false alarms is divided" />` : null}
      ${data.rules.length ? html`<h3 class="gap">Rules</h3><${SmallTable} columns=${RULES} rows=${data.rules} keyOf=${(row) => row.name} label="Rules of the policy" />` : null}</div><div>
      ${data.measured.length ? html`<h3 class="gap">Measured</h3><${SmallTable} columns=${MEASURED} rows=${data.measured} keyOf=${(row) => row.variant} label="Measured false alarms and delays" />
        <p class="quiet">On simulated models, 500 names, daily bars: <code>docs/drift-policies.md</code>.</p>` : html`<p class="quiet">Not measured here: <code>signaltape drift backtest-policy --policy ${data.setting}</code> does.</p>`}</div></div>
      ${data.parameters.length ? html`<details><summary>Parameters (${data.fingerprint})</summary><${SmallTable} columns=${PARAMETERS} rows=${data.parameters} keyOf=${(row) => row.name} label="Parameters of the policy" /></details>` : null}`}<//><//>`;
}
