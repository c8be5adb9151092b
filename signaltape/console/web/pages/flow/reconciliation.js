// Both sides of every stage, counted when somebody asks.
import {html, useEffect, useState} from "lib/html.js";
import {post} from "lib/api.js";
import {duration, number, time} from "lib/format.js";
import {Badge, Empty, Panel, Shown} from "lib/parts.js";
import {SmallTable} from "lib/table.js";
import {useResource} from "lib/resource.js";

const COLUMNS = [
  {id: "ok", name: "Verdict", value: (row) => html`<${Badge} kind=${row.ok ? "good" : "bad"}>${row.ok ? "agrees" : "differs"}<//>`},
  {id: "stage", name: "Stage", value: (row) => html`${row.stage}${row.detail ? html`<div class="bad-text"><bdi>${row.detail}</bdi></div>` : null}`},
  ...[["in", "In"], ["out", "Out"], ["duplicates", "Duplicates"], ["dead_lettered", "Dead letters"]].map(([id, name]) => ({id, name, number: true, value: (row) => number(row[id])})),
];
export function Reconciliation() {
  const [every, setEvery] = useState(0);
  const [error, setError] = useState(null);
  const resource = useResource("flow/reconciliation", {}, {every});
  const running = resource.data?.running ?? null;
  useEffect(() => { setEvery(running === null ? 0 : 700); }, [running]);
  const ask = async () => {
    setError(null);
    try { await post("flow/reconciliation", {}); setEvery(700); resource.reload(); } catch (failed) { setError(failed); }
  };
  const last = resource.data?.last;
  const wait = Math.ceil(resource.data?.again_in_s ?? 0);
  return html`<${Panel} title="Reconciliation" note="nothing lost, nothing twice: the log and the tables counted apart; what is on its way shows as a difference"
    tools=${html`<button disabled=${running !== null || !resource.data} onClick=${ask} title=${wait ? `at most once a minute: again in ${wait} s` : ""}>${running !== null ? "Counting …" : last ? "Count again" : "Count now"}</button>`} flush=${Boolean(last?.lines?.length)}>
    ${error ? html`<div class="problem" role="alert">${error.message}</div>` : null}
    <${Shown} resource=${resource} what="Reading the last result">${(data) => html`
      <div class=${data.last?.lines?.length ? "inset" : ""} role="status">${data.running !== null ? html`<span class="quiet">Counting ${data.running} …</span>` : null}
        ${data.last && data.running === null ? html`<${Badge} kind=${data.last.ok ? "good" : "bad"}>${data.last.fault ? "failed" : data.last.ok ? "both sides of every line agree" : "lines differ"}<//> <span class="quiet">counted at ${time(data.last.at)} UTC in ${duration(data.last.seconds)}${wait ? `; again possible in ${wait} s` : ""}</span>` : null}
        ${data.last?.fault ? html`<div class="problem">${data.last.fault}</div>` : null}</div>
      ${data.last?.lines?.length ? html`<${SmallTable} label="Stages" columns=${COLUMNS} rows=${data.last.lines} keyOf=${(row) => row.stage} />`
        : data.running === null && !data.last ? html`<${Empty} title="Not counted yet">It reads every topic once, so it runs only when it is asked for. The same as <code>signaltape reconcile</code>.<//>` : null}`}<//><//>`;
}
