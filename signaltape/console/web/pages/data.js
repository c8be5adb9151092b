// Data: what was known of a symbol at a time and what is known now; how bars came in; what was corrected.
import {html} from "lib/html.js";
import {PageHead, Segments} from "lib/parts.js";
import {setQuery} from "lib/router.js";
import {Corrections} from "pages/data/corrections.js";
import {Coverage} from "pages/data/coverage.js";
import {Look} from "pages/data/look.js";
import {Quality} from "pages/data/quality.js";

const VIEWS = [["look", "Point in time"], ["quality", "Incoming bars"], ["coverage", "Coverage"], ["corrections", "Corrections"]];
const LEADS = {
  look: "One symbol at a time T: what was known of its bars and features then, and what is known of the same closes now.",
  quality: "How bars came in: late, revised, marked as odd. A marked bar is used like any other.",
  coverage: "Which symbols have how many bars on which session day.",
  corrections: "Revisions, late bars and late splits, and the rows that changed by them. Nothing is ever overwritten: a correction is a row beside what it corrects.",
};

export default function Page({query}) {
  const view = query.view in LEADS ? query.view : "look";
  return html`<${PageHead} title="Data" lead=${LEADS[view]}>
      <${Segments} label="What is shown" options=${VIEWS} value=${view} onChange=${(value) => setQuery({view: value === "look" ? null : value})} /><//>
    ${view === "look" ? html`<${Look} query=${query} />` : view === "quality" ? html`<${Quality} query=${query} />`
      : view === "coverage" ? html`<${Coverage} query=${query} />` : html`<${Corrections} query=${query} />`}`;
}
