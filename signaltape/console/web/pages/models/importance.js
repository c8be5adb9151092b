// What a model looks at, as bars: by its own account where it is made of trees, and by what it loses without a column.
import {html, useState} from "lib/html.js";
import {Empty, Panel, Segments} from "lib/parts.js";
import {number, percent} from "lib/format.js";

const NAMES = {gain: "gain", split: "splits", permutation: "permutation"};
const SAID = {gain: "share of all gain", split: "splits that use it", permutation: "rank IC lost when it is shuffled, mean of three shuffles"};
const FIRST = 12;

export function Importance({found}) {
  const kinds = found ? Object.keys(NAMES).filter((kind) => found.features.length && kind in found.features[0]) : [];
  const [kind, setKind] = useState(kinds[0]);
  const [all, setAll] = useState(false);
  if (!kinds.length) return html`<${Panel} title="What it looks at"><${Empty} title="No importance is kept of this version.">It is measured when a model is trained by this program.<//><//>`;
  const total = kind === "gain" ? found.features.reduce((sum, one) => sum + one.gain, 0) || 1 : 1;
  const sorted = [...found.features].sort((a, b) => b[kind] - a[kind]);
  const shown = all ? sorted : sorted.slice(0, FIRST);
  const most = Math.max(...sorted.map((one) => Math.abs(one[kind] / total)), 1e-12);
  const figure = (one) => kind === "gain" ? percent(one.gain / total) : kind === "split" ? number(one.split) : `${number(one.permutation, 2)} ± ${number(one.permutation_deviation, 1)}`;
  return html`<${Panel} title="What it looks at" tools=${kinds.length > 1 ? html`<${Segments} label="Kind of importance" options=${kinds.map((one) => [one, NAMES[one]])} value=${kind} onChange=${setKind} />` : null}>
    <table class="bars"><caption>${SAID[kind]}${kind === "permutation" ? ` (of ${number(found.rank_ic, 3)}, over ${number(found.rows)} held-out rows)` : ""}</caption>
      <tbody>${shown.map((one) => html`<tr key=${one.name}><th scope="row">${one.name}</th><td class="bar"><span class=${one[kind] < 0 ? "minus" : ""} style=${{width: `${(100 * Math.abs(one[kind] / total)) / most}%`}}></span></td><td class="number">${figure(one)}</td></tr>`)}</tbody></table>
    ${sorted.length > FIRST ? html`<button class="link" onClick=${() => setAll(!all)}>${all ? `The first ${FIRST} only` : `All ${sorted.length} columns`}</button>` : null}<//>`;
}
