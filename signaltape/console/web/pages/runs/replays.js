// Replays with their progress, renewed each second; pausing, resuming and cancelling are confirmed.
import {html, useState} from "lib/html.js";
import {post} from "lib/api.js";
import {Confirm} from "lib/confirm.js";
import {useLatest} from "lib/live.js";
import {Badge, Panel, Scroll, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {number, percent, plural, time} from "lib/format.js";

const KIND = {running: "good", "lead-in": "good", starting: "good", draining: "good", paused: "odd", done: "none", cancelled: "none", failed: "bad", died: "bad"};
const MEANS = {
  starting: "makes topics and tables, starts its agents", "lead-in": "publishes what comes before the range, which the agents' state is made of", running: "publishes the range",
  paused: "publishes nothing; its agents stay", draining: "waits until its agents have taken everything", done: "has reached its end", cancelled: "was ended before its end",
  failed: "has ended by a failure", died: "its process is gone",
};
const EFFECT = {
  pause: (one) => html`Replay <b>${one.ident}</b> stops between two bar times and publishes nothing until it is resumed. Its agents stay. The live pipeline is not touched.`,
  resume: (one) => html`Replay <b>${one.ident}</b> goes on where it was paused. The live pipeline is not touched.`,
  cancel: (one) => html`Replay <b>${one.ident}</b> ends now, before the end of its range, and can't be continued. What it made stays until <code>signaltape replay remove ${one.ident}</code>. The live pipeline is not touched.`,
};
const VERB = {pause: "Pause", resume: "Resume", cancel: "End now"};

export function Replays() {
  const read = useResource("runs/replays", {}, {every: 20_000});
  const live = useLatest("replays");
  const [asks, setAsks] = useState(null);
  const shown = live.data === null ? read : {...read, data: live.data};
  return html`<${Panel} title="Replays" note=${shown.data ? `${plural(shown.data.running, "replay")} of ${number(shown.data.all)} in progress; of this home folder` : null} flush=${(shown.data?.replays.length ?? 0) > 0}>
      ${live.fault ? html`<div class="problem" role="status">Progress can't be followed: ${live.fault}</div>` : null}
      <${Shown} resource=${shown} what="Loading replays" empty=${{when: (data) => data.replays.length === 0, title: "There is no replay",
        text: html`Begin one in a shell: <code>signaltape replay --from 2026-01-02T14:30:00Z --to 2026-01-02T16:00:00Z --id morning</code>.`}}>
        ${(data) => html`<${Scroll}><table class="replays" aria-label="Replays"><thead><tr><th scope="col">Replay</th><th scope="col">State</th><th scope="col">Progress</th><th scope="col">Range</th><th scope="col" class="number">Speed</th><th scope="col">Change</th></tr></thead>
          <tbody>${data.replays.map((one) => html`<${Row} key=${one.ident} one=${one} ask=${(action) => setAsks({one, action})} />`)}</tbody></table><//>
          ${data.truncated ? html`<p class="cut">The newest ${number(data.limit)} of ${number(data.all)}; <code>signaltape replay list</code> has all.</p>` : null}
          <p class="cut">What a replay made is removed in a shell: <code>signaltape replay remove ID</code>.</p>`}<//><//>
    ${asks ? html`<${Confirm} title=${`${VERB[asks.action]}: ${asks.one.ident}`} effect=${EFFECT[asks.action](asks.one)} verb=${VERB[asks.action]} waiting="Waiting for the replay …" danger=${asks.action === "cancel"} onClose=${() => setAsks(null)}
      act=${async (reason) => { const done = await post(`runs/replays/${encodeURIComponent(asks.one.ident)}/${asks.action}`, {expected: asks.one.state, reason}); read.reload(); return {text: done.text, kind: done.obeyed ? "" : "odd"}; }} />` : null}`;
}

function Row({one, ask}) {
  const {progress, request} = one, waiting = Object.entries(progress.waiting ?? {}).filter(([, count]) => count);
  return html`<tr><td><b>${one.ident}</b><div class="quiet">${time(one.created_ns)}</div></td>
    <td><${Badge} kind=${KIND[one.state]}>${one.state}<//><div class="quiet">${one.detail || MEANS[one.state]}</div></td>
    <td class="progress">${one.share === null ? ended(progress) : html`<progress max="1" value=${one.share} aria-label=${`progress of ${one.ident}`}></progress>
      <div>${percent(one.share)} · ${number(progress.bars)} of ${number(progress.of)} bars · ${number(progress.bars_per_s)} bars/s</div>
      <div class="quiet">reached ${progress.event_time.replace("T", " ").replace("Z", "")}${waiting.length ? `; waiting: ${waiting.map(([stage, count]) => `${number(count)} before ${stage}`).join(", ")}` : ""}</div>`}</td>
    <td>${request.from} to ${request.to}<div class="quiet">from ${request.source}${request.symbols.length ? `, ${plural(request.symbols.length, "symbol")}` : ""}${request.model ? `, with ${request.model}` : ""}</div></td>
    <td class="number">${request.speed}</td>
    <td class="acts">${one.may.length ? one.may.map((action) => html`<button key=${action} class=${action === "cancel" ? "danger" : ""} onClick=${() => ask(action)}>${VERB[action]}</button>`) : html`<span class="quiet">none</span>`}</td></tr>`;
}
function ended(progress) {
  const names = [["bars", "bars"], ["features", "feature rows"], ["predictions", "predictions"], ["signals", "signals"], ["alerts", "alerts"]].filter(([id]) => typeof progress[id] === "number");
  return names.length ? html`${names.map(([id, name]) => `${number(progress[id])} ${name}`).join(", ")}${progress.seconds ? html`<div class="quiet">in ${number(progress.seconds, 4)} s</div>` : null}` : html`<span class="quiet">nothing published yet</span>`;
}
