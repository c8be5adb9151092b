// Models: what is live for each strategy and who decided it, the registry, and the changes that a person may make.
import {html, useEffect, useState} from "lib/html.js";
import {useResource} from "lib/resource.js";
import {useLatest} from "lib/live.js";
import {Link} from "lib/router.js";
import {PageHead, Shown} from "lib/parts.js";
import {ChangeDialog} from "pages/models/change.js";
import {Changes} from "pages/models/changes.js";
import {LiveAt} from "pages/models/live_at.js";
import {Registry} from "pages/models/registry.js";
import {Strategies} from "pages/models/strategies.js";
import {Version} from "pages/models/version.js";

export default function Page({rest, query}) {
  const overview = useResource("models/overview", {}, {every: 10_000});
  const news = useLatest("control");
  const [change, setChange] = useState(null);
  const newest = news.data?.control_offset, shown = overview.data?.control_offset;
  // Where each change acts is stored a moment after it was decided: look again then, too.
  useEffect(() => {
    if (newest === undefined || shown === undefined || newest === shown) return () => {};
    overview.reload();
    const timer = setTimeout(overview.reload, 1500);
    return () => clearTimeout(timer);
  }, [newest, shown]);
  const dialog = change ? html`<${ChangeDialog} key=${JSON.stringify(change)} change=${change} overview=${overview.data} onDone=${overview.reload} onClose=${() => setChange(null)} />` : null;
  if (rest) return html`<${Version} model=${rest} overview=${overview.data} ask=${setChange} />${dialog}`;
  return html`<${PageHead} title="Models" lead="What is live for each strategy, who decided it and from which bar, and what may follow it. Times are UTC.">
      <${Link} class="button" to="#live-at" onClick=${toLiveAt}>Live at a time …<//>
      <button onClick=${() => setChange({action: "pause", strategy: ""})}>Pause …</button><button onClick=${() => setChange({action: "resume", strategy: ""})}>Resume …</button>
    <//>
    <${Shown} resource=${overview} what="Reading what is live">${(data) => html`<div class="grid">
      ${data.control_failure ? html`<div class="banner bad" role="alert"><span>What is in force can't be followed at the moment (${data.control_failure}). It is shown as it was last read.</span></div>` : null}
      ${data.registry_failure ? html`<div class="banner" role="alert"><span>What Postgres holds is missing here: versions, measured calls, and where changes act (${data.registry_failure}). ${data.control_failure ? "" : "What is live is read from Kafka and still right."}</span></div>` : null}
      <${Strategies} data=${data} ask=${setChange} />
      <${Registry} data=${data} query=${query} ask=${setChange} />
      <${Changes} data=${data} query=${query} />
      <${LiveAt} query=${query} partitions=${data.partitions} />
    </div>`}<//>${dialog}`;
}

function toLiveAt(event) {
  event.preventDefault();
  document.getElementById("live-at")?.scrollIntoView({block: "start"});
  document.getElementById("live-at-time")?.focus({preventScroll: true});
}
