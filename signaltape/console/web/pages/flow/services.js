// Every process, and every consumer group.
import {html} from "lib/html.js";
import {bytes, duration, number, percent} from "lib/format.js";
import {Badge, Empty, Panel} from "lib/parts.js";
import {SmallTable} from "lib/table.js";

const KINDS = {ready: "good", "not ready": "odd", silent: "bad", down: "bad"};
const SERVICES = [
  {id: "name", name: "Service", value: (row) => row.name},
  {id: "state", name: "State", value: (row) => html`<${Badge} kind=${KINDS[row.state]}>${row.state}<//>`},
  {id: "checks", name: "Because", value: (row) => row.error ? html`<span class="bad-text">${row.error}</span>` : html`<ul class="checks">${row.checks.map((one) => html`<li key=${one.name} class=${one.ok ? "quiet" : "bad-text"}>
    <span aria-hidden="true">${one.ok ? "✓" : "✗"}</span><span class="visually-hidden">${one.ok ? "ok" : "not ok"}</span> ${one.name}${one.detail ? html`: <bdi>${one.detail}</bdi>` : null}</li>`)}</ul>`},
  {id: "waiting", name: "Waits before it", number: true, value: (row) => row.waiting === null ? "–" : number(row.waiting)},
  {id: "memory", name: "Memory", number: true, value: (row) => bytes(row.memory)},
  {id: "cores", name: "CPU", number: true, value: (row) => row.cores === null ? "–" : percent(row.cores, 0)},
  {id: "uptime", name: "Up for", number: true, value: (row) => duration(row.uptime_s)},
  {id: "errors", name: "Errors", number: true, value: (row) => row.errors === null ? "–" : number(row.errors)},
  {id: "version", name: "Version", value: (row) => row.version ?? "–"},
  {id: "pid", name: "Process", number: true, value: (row) => html`<span class="mono" title=${row.address}>${row.pid ?? row.address}</span>`},
];
export function Services({rows}) {
  return html`<${Panel} title="Services" note="each process, as it answers /ready and /metrics" flush>
    ${rows.length ? html`<${SmallTable} label="Services" columns=${SERVICES} rows=${rows} keyOf=${(row) => `${row.name}|${row.address}`} />`
      : html`<${Empty} title="No process was found">Services announce themselves in this home; those of other machines are named by <code>SIGNALTAPE_FLEET__TARGETS</code>. Start them: <code>signaltape run all</code>.<//>`}<//>`;
}

const GROUPS = [
  {id: "group", name: "Group", value: (row) => row.group}, {id: "topic", name: "Topic", value: (row) => row.topic},
  {id: "messages", name: "Messages that wait", number: true, value: (row) => number(row.messages)},
  {id: "seconds", name: "Oldest of them", number: true, value: (row) => row.seconds === null ? "not known" : duration(row.seconds)},
];
export function Groups({rows, from}) {
  return html`<${Panel} title="Consumer groups" note=${from === "monitor" ? "as the monitor sees them" : "as each service says of itself: the monitor does not run, so that seconds are not known"} flush>
    ${rows.length ? html`<${SmallTable} label="Consumer groups" columns=${GROUPS} rows=${rows} keyOf=${(row) => `${row.group}|${row.topic}`} />`
      : html`<${Empty} title="No group is known">None of the services that read topics answers.<//>`}<//>`;
}
