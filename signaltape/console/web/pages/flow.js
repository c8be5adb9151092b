// Placeholder until the page is there.
import {html} from "lib/html.js";
import {Empty, PageHead} from "lib/parts.js";

export default function Page() {
  return html`<${PageHead} title="flow" lead="" /><${Empty} title="Nothing to show yet">This page is being built.<//>`;
}
