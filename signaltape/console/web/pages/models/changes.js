// Who decided what, when, why, and whether it acts everywhere; and who asked for it over HTTP, refusals included.
import {html} from "lib/html.js";
import {Badge, Empty, Panel, Segments, Shown} from "lib/parts.js";
import {setQuery} from "lib/router.js";
import {useResource} from "lib/resource.js";
import {number, time} from "lib/format.js";
import {Told} from "pages/models/words.js";

const KINDS = [["", "all"], ["swaps", "promotions and rollbacks"], ["pauses", "pauses and scales"], ["others", "others"]];
const OF = {activate: "swaps", rollback: "swaps", pause: "pauses", resume: "pauses", position_scale: "pauses"};

export function Changes({data, query}) {
  const asked = query.record === "asked";
  const choose = html`<${Segments} label="Which record" options=${[["", "decided"], ["asked", "asked over HTTP"]]} value=${asked ? "asked" : ""} onChange=${(record) => setQuery({record})} />`;
  return asked ? html`<${Audit} tools=${choose} />` : html`<${Decided} data=${data} query=${query} tools=${choose} />`;
}

function Decided({data, query, tools}) {
  const rows = data.changes.filter((one) => (!query.strategy || one.strategy === query.strategy || one.strategy === "") && (!query.changes || (OF[one.action] ?? "others") === query.changes));
  const note = data.changes_total > data.changes.length ? `the newest ${number(data.changes.length)} of ${number(data.changes_total)}, newest first` : "newest first";
  return html`<${Panel} title="Recent changes" note=${note} tools=${tools} flush=${true}>
    <div class="filters pad">
      <label class="field">Strategy<select value=${query.strategy ?? ""} onChange=${(event) => setQuery({strategy: event.target.value})}>
        <option value="">all</option>${data.strategies.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}</select></label>
      <label class="field">Kind<select value=${query.changes ?? ""} onChange=${(event) => setQuery({changes: event.target.value})}>${KINDS.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
    </div>
    ${!rows.length ? html`<${Empty} title=${data.changes.length ? "No change fits these filters." : "Nothing has been decided yet."}>Every promotion, rollback, pause, scale and parameter is a control event, and stands here with who made it and why.<//>` : html`
    <div class="scroll changes" tabindex="0"><table><caption class="visually-hidden">Recent changes, newest first</caption>
      <thead><tr><th scope="col">Decided</th><th scope="col">What</th><th scope="col">By</th><th scope="col">Reason</th><th scope="col">Acts from bars after</th><th scope="col">Received</th></tr></thead>
      <tbody>${rows.map((one) => html`<tr key=${one.control_offset}>
        <td class="number"><time>${time(one.issued_at)}</time></td>
        <td><${Told}>${one.words}<//>${one.forced ? html` <${Badge} kind="bad">forced<//>` : null}</td>
        <td><${Told}>${one.issued_by}<//></td>
        <td>${one.reason ? html`<${Told}>${one.reason}<//>` : html`<span class="quiet">none given</span>`}</td>
        ${data.registry_failure ? html`<td class="quiet">not known now</td><td class="quiet">not known now</td>` : html`<td>${acts(one)}</td>
        <td><${Badge} kind=${one.received === one.partitions ? "good" : "odd"}>${one.received} of ${one.partitions}<//></td>`}</tr>`)}</tbody></table></div>`}
  <//>`;
}

function acts(one) {
  if (!one.received) return html`<span class="quiet">not stored yet</span>`;
  if (!one.acts_from) return "the first bar on";
  const first = time(one.acts_from - 1), last = one.acts_everywhere_from ? time(one.acts_everywhere_from - 1) : null;
  return last && last !== first ? `${first} to ${last}, by partition` : first;
}

const OUTCOMES = {done: "good", asked: "none", "not received everywhere": "odd", "no answer in time": "odd"};
function Audit({tools}) {
  const found = useResource("models/audit", {}, {every: 10_000});
  return html`<${Panel} title="Recent changes" note="every call that changed something, or would have; newest first" tools=${tools} flush=${true}>
    <${Shown} resource=${found} what="Reading the audit" empty=${{when: (data) => !data.lines.length, title: "Nobody has asked for a change over HTTP yet.", text: html`Commands leave no line here; what they decided stands under “decided”.`}}>${(data) => html`
      <div class="scroll audit" tabindex="0"><table><caption class="visually-hidden">Calls over HTTP, newest first</caption>
        <thead><tr><th scope="col">At</th><th scope="col">Who</th><th scope="col">From</th><th scope="col">Outcome</th><th scope="col">What and why</th></tr></thead>
        <tbody>${data.lines.map((one) => html`<tr key=${one.id}><td class="number"><time>${time(one.at)}</time></td>
          <td>${one.who ? html`<${Told}>${one.who}<//>` : html`<span class="quiet">no valid token</span>`}</td><td><${Told}>${one.client}<//></td>
          <td><${Badge} kind=${OUTCOMES[one.outcome] ?? "bad"}>${one.outcome}<//></td>
          <td><span class="mono quiet"><${Told}>${one.call}<//></span>${Object.entries(one.detail).map(([name, value]) => html`<span class="quiet"> · </span><span class="quiet">${name}</span> <${Told}>${typeof value === "string" ? value : JSON.stringify(value)}<//>`)}</td></tr>`)}</tbody></table></div>
      ${data.truncated ? html`<p class="quiet small pad">The newest ${number(data.limit)}; <code>signaltape audit list</code> shows more.</p>` : null}`}<//>
  <//>`;
}
