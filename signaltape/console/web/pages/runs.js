// Replays and backtests: what runs beside the live pipeline, and what was simulated.
import {html} from "lib/html.js";
import {PageHead, Segments} from "lib/parts.js";
import {go} from "lib/router.js";
import {Backtests} from "pages/runs/backtests.js";
import {Replays} from "pages/runs/replays.js";

const VIEWS = [["replays", "Replays"], ["backtests", "Backtests"]];
const LEADS = {
  replays: "History through the same agents, in topics, tables and keys of its own. Nothing live is touched.",
  backtests: "The live flow over history, and an account that trades its signals at the next bar. Simulated: no money was made or lost.",
};

export default function Page({rest}) {
  const [view = "", id = ""] = rest.split("/");
  const shown = view === "backtests" ? "backtests" : "replays";
  return html`<${PageHead} title="Replays and backtests" lead=${LEADS[shown]}>
      <${Segments} label="What is shown" options=${VIEWS} value=${shown} onChange=${(value) => go(`/console/runs/${value}`)} /><//>
    ${shown === "replays" ? html`<${Replays} />` : html`<${Backtests} id=${id} />`}`;
}
