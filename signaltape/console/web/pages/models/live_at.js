// What was live at a bar time: for each symbol that is named, or by partition.
import {html, useState} from "lib/html.js";
import {Badge, Empty, Panel, Scroll, Shown} from "lib/parts.js";
import {setQuery} from "lib/router.js";
import {useResource} from "lib/resource.js";
import {Model, Told} from "pages/models/words.js";

export function LiveAt({query, partitions}) {
  const [at, setAt] = useState(query.at ?? "");
  const [symbols, setSymbols] = useState(query.symbols ?? "");
  const names = (query.symbols ?? "").split("\n").map((one) => one.trim()).filter(Boolean);
  const path = query.at ? `models/live-at?${new URLSearchParams([["at", query.at], ...names.map((one) => ["symbol", one])])}` : null;
  const found = useResource(path);
  const submit = (event) => { event.preventDefault(); setQuery({at: at.trim(), symbols}); };
  return html`<${Panel} title="Live at a time" note="which model answered bars that closed at T, on each symbol's partition"><span id="live-at" tabindex="-1"></span>
    <form class="filters" onSubmit=${submit}>
      <label class="field">Bar time T, with its zone<input id="live-at-time" required size="28" placeholder="2026-03-02T14:30:00Z" value=${at} onInput=${(event) => setAt(event.target.value)} /></label>
      <label class="field">Symbols, one a line (none: all partitions)<textarea rows="1" cols="24" value=${symbols} onInput=${(event) => setSymbols(event.target.value)}></textarea></label>
      <button>Look</button></form>
    ${!query.at ? html`<p class="quiet small">The same as <code>signaltape models live-at T</code>. Decisions take effect on each of the ${partitions} partitions where they were received.</p>` : html`
    <${Shown} resource=${found} what="Looking" empty=${{when: (data) => !data.answers.length, title: "There is no partition.", text: ""}}>${(data) => html`<${Scroll}><table class="liveat"><caption class="visually-hidden">What was live at ${query.at}</caption>
      <thead><tr><th scope="col">${names.length ? "Symbol" : "Partition"}</th>${names.length ? html`<th scope="col">Partition</th>` : null}<th scope="col">Strategy</th><th scope="col">Live</th><th scope="col">Answered by</th><th scope="col">Shadows</th><th scope="col">Final</th></tr></thead>
      <tbody>${data.answers.flatMap((one) => (one.strategies.length ? one.strategies : [null]).map((held) => html`<tr key=${`${one.symbol}/${one.partition}/${held?.strategy}`}>
        <th scope="row">${one.symbol === null ? one.partition : html`<${Told}>${one.symbol}<//>`}</th>${names.length ? html`<td>${one.partition}</td>` : null}
        ${held === null ? html`<td colspan="4" class="quiet">no model was live</td>` : html`<td><${Told}>${held.strategy}<//></td><td><${Model} model=${held.live} /></td>
          <td>${held.serves.map((model, at) => html`${at ? " and " : ""}<${Model} model=${model} />`)}${held.experiment ? html` <span class="quiet">(experiment <${Told}>${held.experiment}<//>)</span>` : null}</td>
          <td>${held.shadows.length ? held.shadows.map((model, at) => html`${at ? ", " : ""}<${Model} model=${model} />`) : html`<span class="quiet">none</span>`}</td>`}
        <td>${one.waiting.length ? html`<${Badge} kind="odd" title=${`control events ${one.waiting.join(", ")} were not seen to act here yet`}>not yet<//>` : html`<${Badge} kind="good">final<//>`}</td></tr>`))}</tbody></table><//>`}<//>`}
  <//>`;
}
