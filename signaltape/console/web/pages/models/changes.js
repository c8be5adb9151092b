// Who decided what, when, why, and whether it acts everywhere.
import {html} from "lib/html.js";
import {Badge, Empty, Panel} from "lib/parts.js";
import {setQuery} from "lib/router.js";
import {number, time} from "lib/format.js";
import {Told} from "pages/models/words.js";

const KINDS = [["", "all"], ["swaps", "promotions and rollbacks"], ["pauses", "pauses and scales"], ["others", "others"]];
const OF = {activate: "swaps", rollback: "swaps", pause: "pauses", resume: "pauses", position_scale: "pauses"};

export function Changes({data, query}) {
  const rows = data.changes.filter((one) => (!query.strategy || one.strategy === query.strategy || one.strategy === "") && (!query.changes || (OF[one.action] ?? "others") === query.changes));
  const note = data.changes_total > data.changes.length ? `the newest ${number(data.changes.length)} of ${number(data.changes_total)}, newest first` : "newest first";
  return html`<${Panel} title="Recent changes" note=${note} flush=${true}>
    <div class="filters pad">
      <label class="field">Strategy<select value=${query.strategy ?? ""} onChange=${(event) => setQuery({strategy: event.target.value})}>
        <option value="">all</option>${data.strategies.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}</select></label>
      <label class="field">Kind<select value=${query.changes ?? ""} onChange=${(event) => setQuery({changes: event.target.value})}>${KINDS.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}</select></label>
    </div>
    ${!rows.length ? html`<${Empty} title=${data.changes.length ? "No change fits these filters." : "Nothing has been decided yet."}>Every promotion, rollback, pause, scale and parameter is a control event, and stands here with who made it and why.<//>` : html`
    <div class="scroll changes" tabindex="0" role="region" aria-label="Recent changes"><table><caption class="visually-hidden">Recent changes, newest first</caption>
      <thead><tr><th scope="col">Decided</th><th scope="col">What</th><th scope="col">By</th><th scope="col">Reason</th><th scope="col">Acts from bars after</th><th scope="col">Received</th></tr></thead>
      <tbody>${rows.map((one) => html`<tr key=${one.control_offset}>
        <td class="number"><time>${time(one.issued_at)}</time></td>
        <td><${Told}>${one.words}<//>${one.forced ? html` <${Badge} kind="bad">forced<//>` : null}</td>
        <td><${Told}>${one.issued_by}<//></td>
        <td>${one.reason ? html`<${Told}>${one.reason}<//>` : html`<span class="quiet">none given</span>`}</td>
        <td>${acts(one)}</td>
        <td><${Badge} kind=${one.received === one.partitions ? "good" : "odd"}>${one.received} of ${one.partitions}<//></td></tr>`)}</tbody></table></div>`}
  <//>`;
}

function acts(one) {
  if (!one.received) return html`<span class="quiet">not stored yet</span>`;
  if (!one.acts_from) return "the first bar on";
  const first = time(one.acts_from - 1), last = one.acts_everywhere_from ? time(one.acts_everywhere_from - 1) : null;
  return last && last !== first ? `${first} to ${last}, by partition` : first;
}
