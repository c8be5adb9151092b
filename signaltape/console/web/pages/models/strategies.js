// One panel a strategy: what is live, what stands beside it, how its calls do, and what may be done about it.
import {html, useState} from "lib/html.js";
import {Badge, Empty, Figure, Figures, Pairs, Panel} from "lib/parts.js";
import {ago, number, percent, plural, time} from "lib/format.js";
import {ShadowReport} from "pages/models/shadows.js";
import {Model, Told, partitions, scope} from "pages/models/words.js";

export function Strategies({data, ask}) {
  if (!data.strategies.length) return html`<${Panel} title="Nothing is live yet"><${Empty} title="No model has been promoted to any strategy.">
    Register one with <code>signaltape train</code> or <code>signaltape models register</code>; then promote it from its page here, or with <code>signaltape models promote NAME --strategy S</code>.<//><//>`;
  return data.strategies.map((one) => html`<${Strategy} key=${one.name} one=${one} data=${data} ask=${ask} />`);
}

function Strategy({one, data, ask}) {
  const [shadows, setShadows] = useState(false);
  const onTheWay = one.acting.some((held) => held.live !== one.live);
  const partly = one.pauses.filter((held) => held.symbol_count);
  const live = one.calls.find((calls) => calls.model === one.live && calls.role === "live");
  const slow = data.models.find((held) => held.model === one.live)?.intervals.includes("1d");
  const lives = data.instances.filter((held) => held.lives).length;
  const state = html`${one.paused ? html`<${Badge} kind="odd">paused<//>` : null}
    ${!one.paused && partly.length ? html`<${Badge} kind="odd">paused for ${plural(partly.reduce((sum, held) => sum + held.symbol_count, 0), "symbol")}<//>` : null}
    ${onTheWay ? html`<${Badge} kind="odd" title="The newest decision does not act on every partition yet">on its way<//>` : null}
    ${live?.breaker_open_on ? html`<${Badge} kind="bad">breaker open<//>` : null}
    ${!one.paused && !partly.length && !onTheWay && !live?.breaker_open_on ? html`<${Badge} kind="good">live<//>` : null}`;
  const tools = html`<button disabled=${!one.predecessor} title=${one.predecessor ? undefined : "It is the strategy's first model"} onClick=${() => ask({action: "rollback", strategy: one.name})}>Roll back …</button>
    <button onClick=${() => ask({action: "position_scale", strategy: one.name, scale: one.scales.length ? 1 : 0.5})}>Scale …</button>
    ${one.pauses.length ? html`<button onClick=${() => ask({action: "resume", strategy: one.name})}>Resume …</button>` : null}
    ${one.paused ? null : html`<button onClick=${() => ask({action: "pause", strategy: one.name})}>Pause …</button>`}`;
  return html`<${Panel} title=${html`Strategy <bdi>${one.name}</bdi>`} label=${`Strategy ${one.name}`} note=${state} tools=${tools}>
    <div class="strategy">
      <${Pairs} rows=${rows(one, data, onTheWay)} />
      <${Calls} live=${live} lives=${lives} known=${!data.registry_failure} />
    </div>
    ${one.shadows.length || shadows ? html`<div class="more"><button class="link" aria-expanded=${shadows ? "true" : "false"} onClick=${() => setShadows(!shadows)}>${shadows ? "Hide" : "Show"} how ${one.shadows.length === 1 ? "the shadow differs" : `the ${one.shadows.length} shadows differ`}</button>
      ${shadows ? html`<${ShadowReport} strategy=${one.name} span=${slow ? "4380" : "24"} />` : null}</div>` : null}
  <//>`;
}

function rows(one, data, onTheWay) {
  const found = [["live", html`<b class="livemodel"><${Model} model=${one.live} /></b>`]];
  if (onTheWay) found.push(["acting now", one.acting.map((held, at) => html`${at ? "; " : ""}<${Model} model=${held.live} /> on ${partitions(held.partitions, data.partitions)}`)]);
  found.push(["line", one.line.length ? html`<span class="line">${one.line.map((model, at) => html`${at ? html`<span aria-hidden="true"> → </span><span class="visually-hidden"> then </span>` : null}<${Model} model=${model} />`)}</span>` : "none"]);
  found.push(["would roll back to", one.predecessor ? html`<${Model} model=${one.predecessor} />` : "nothing: it is the first model"]);
  if (one.kept.length) found.push(["kept for a rollback", html`${one.kept.map((model, at) => html`${at ? ", " : ""}<${Model} model=${model} />`)} <span class="quiet">(can't be removed)</span>`]);
  found.push(["shadows", one.shadows.length ? one.shadows.map((model, at) => html`${at ? ", " : ""}<${Model} model=${model} />`) : "none"]);
  if (one.experiment) found.push(["experiment", html`<${Told}>${one.experiment.name}<//>: <${Model} model=${one.experiment.arm} /> serves ${percent(one.experiment.ratio, 0)} of the symbols; position scale ${one.experiment.scales.map((scale) => number(scale, 3)).join(" (control), ")} (arm)`]);
  if (one.pauses.length) found.push(["paused", one.pauses.map((held) => html`<div><${Told}>${scope(held)}<//></div>`)]);
  if (one.scales.length) found.push(["position scale", one.scales.map((held) => html`<div>${number(held.scale, 3)} for <${Told}>${scope(held)}<//></div>`)]);
  const parameters = Object.entries(one.parameters);
  if (parameters.length) found.push(["parameters", parameters.map(([name, value]) => html`<div class="mono"><${Told}>${name} = ${Array.isArray(value) ? value.join(", ") || "(none)" : String(value)}<//></div>`)]);
  return found;
}

function Calls({live, lives, known}) {
  if (!known) return html`<p class="quiet">How its calls do is not known while Postgres does not answer.</p>`;
  if (!live) return html`<p class="quiet">No call of this model is stored yet: the first comes with the next bar. ${lives ? run(lives) : html`No inference instance runs: <code>signaltape run inference</code>.`}</p>`;
  return html`<div><${Figures}>
      <${Figure} name="model call, median" value=${number(live.median_ms, 3)} unit="ms" />
      <${Figure} name="99 of 100 calls below" value=${number(live.p99_ms, 3)} unit="ms" />
      <${Figure} name="deadlines missed" value=${number(live.missed)} unit=${`of ${plural(live.calls, "call")}`} kind=${live.missed ? "bad" : undefined} />
      <${Figure} name="breaker" value=${live.breaker_open_on ? "open" : "closed"} unit=${live.breaker_open_on ? `on ${plural(live.breaker_open_on, "partition")}` : live.kept_away ? `kept ${plural(live.kept_away, "call")} away` : ""} kind=${live.breaker_open_on ? "bad" : "good"} />
    <//><p class="quiet small">Over the newest ${plural(live.calls, "call")}, ${number(live.rows)} rows; the newest bar closed ${time(live.newest)}, ${ago(live.newest)}. ${lives ? run(lives) : html`<b class="bad-text">No inference instance runs.</b>`}</p></div>`;
}
const run = (lives) => lives === 1 ? "1 inference instance runs." : `${lives} inference instances run.`;
