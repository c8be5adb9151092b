// Small parts of this page: a model's link, whom a decision concerns, stages and verdicts with their signs.
import {html} from "lib/html.js";
import {Link} from "lib/router.js";
import {Badge} from "lib/parts.js";
import {number, plural, time} from "lib/format.js";

export const address = (model) => `/console/models/${encodeURIComponent(model)}`;
export function Model({model}) { return model ? html`<${Link} to=${address(model)} class="mono"><bdi>${model}</bdi><//>` : html`<span class="quiet">none</span>`; }
// What a person wrote, or a name: text of its own direction, whatever it holds.
export function Told({children}) { return html`<bdi class="told">${children}</bdi>`; }
export function scope({strategy, symbols = [], symbol_count: count = symbols.length}) {
  const few = symbols.slice(0, 5).join(", ") + (count > 5 ? ` and ${number(count - 5)} more` : "");
  if (!count) return strategy ? `all of ${strategy}` : "everything";
  return strategy ? `${few} of ${strategy}` : few;
}
const STAGES = {production: "good", staging: "odd", archived: "none", none: "none"};
export function Stage({stage}) { return html`<${Badge} kind=${STAGES[stage] ?? "none"}>${stage === "none" ? "registered" : stage}<//>`; }
const DECISIONS = {promote: "good", review: "odd", reject: "bad"};
export function Decision({decision}) { return html`<${Badge} kind=${DECISIONS[decision] ?? "none"}>${decision}<//>`; }
export function Gates({gates}) {
  return html`<table class="gates"><caption class="visually-hidden">Gates of the promotion</caption>
    <tbody>${gates.map((one) => html`<tr key=${one.name}><th scope="row">${one.name.replaceAll("_", " ")}</th>
      <td><${Badge} kind=${one.passed ? "good" : "bad"}>${one.passed ? "open" : "closed"}<//></td><td><${Told}>${one.detail}<//></td></tr>`)}</tbody></table>`;
}
export function span(from, to) { return from === null || from === undefined ? "not known" : `${time(from).slice(0, 10)} to ${time(to).slice(0, 10)}`; }
export function interval([value, low, high] = [null, null, null], digits = 3) {
  if (value === null || value === undefined) return "–";
  return low === null || low === undefined ? number(value, digits) : `${number(value, digits)} [${number(low, digits)}, ${number(high, digits)}]`;
}
export function partitions(list, all) { return list.length === all ? `all ${plural(all, "partition")}` : `${plural(list.length, "partition")} ${list.join(", ")}`; }
