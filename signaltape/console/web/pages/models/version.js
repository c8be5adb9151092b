// One version: what it is for, how it was judged, what it looks at, what was decided about it, whether its files are whole.
import {html} from "lib/html.js";
import {Badge, Empty, PageHead, Pairs, Panel, Scroll, Shown} from "lib/parts.js";
import {Link} from "lib/router.js";
import {SmallTable} from "lib/table.js";
import {useResource} from "lib/resource.js";
import {bytes, number, percent, plural, time} from "lib/format.js";
import {Comparisons} from "pages/models/comparisons.js";
import {Importance} from "pages/models/importance.js";
import {Gates, Model, Stage, Told, span} from "pages/models/words.js";

export function Version({model, overview, ask}) {
  const found = useResource("models/version", {model}, {every: 60_000});
  const row = overview?.models.find((one) => one.model === model);
  return html`<${PageHead} title=${html`Model <bdi>${model}</bdi>`} lead=${html`<${Link} to="/console/models">All models<//> · ${uses(row)}`}>
      ${row ? html`<${Stage} stage=${row.stage} />` : null}
      ${found.data?.card ? html`<a class="button" href=${`/console/api/models/card?model=${encodeURIComponent(model)}`} target="_blank" rel="noopener noreferrer">Model card (new tab)</a>` : null}
      <button class="primary" disabled=${!found.data} onClick=${() => ask({action: "promote", model, strategy: shadowed(row)})}>Promote …</button>
    <//>
    <${Shown} resource=${found} what="Reading the version">${(data) => html`<div class="grid">
      ${data.files.some((one) => one.fault) ? html`<div class="banner bad" role="alert"><span>A file of this version is not what was registered: it can't be loaded or promoted. See Files.</span></div>` : null}
      <div class="grid two"><${Purpose} about=${data.about} /><${Judged} metrics=${data.metrics} /></div>
      <${Comparisons} rows=${data.comparisons} model=${model} />
      <div class="grid two"><${Importance} found=${data.importance} /><${Tests} tests=${data.tests} /></div>
      <${Decided} stages=${data.stages} approvals=${data.approvals} />
      <div class="grid two"><${Made} training=${data.training} runs=${data.runs} registered=${data.registered_at} /><${Files} files=${data.files} /></div>
    </div>`}<//>`;
}

const shadowed = (row) => row?.uses.find((held) => held.role === "shadow")?.strategy ?? "";
function uses(row) {
  if (!row) return "";
  if (!row.uses.length) return "used by no strategy at the moment.";
  return html`${row.uses.map(({role, strategy}, at) => html`${at ? ", " : ""}${role === "live" ? "live for" : role === "arm" ? "arm of an experiment of" : "shadow of"} <${Told}>${strategy}<//>`)}.`;
}

function Purpose({about}) {
  const {thresholds} = about;
  return html`<${Panel} title="What it is for"><${Pairs} rows=${[
    ["about", about.description ? html`<${Told}>${about.description}<//>` : html`<span class="quiet">no description</span>`],
    ["family", about.family],
    ["score", `expected log return over ${plural(about.horizon, "bar")} of ${about.intervals.join(", ")}`],
    ["long / short", `from ${number(thresholds.long, 4)} / ${number(thresholds.short, 4)}, confidence from ${number(thresholds.min_confidence)}`],
    ["deadline", `${number(about.deadline_ms)} ms, then its fallback: ${about.fallback}`],
    ["feature set", html`${about.feature_set} <span class="mono quiet">${about.set_hash.slice(0, 12)}</span>`],
    ["inputs", html`<details><summary>${plural(about.features.length, "column")}</summary><${Told}>${about.features.join(", ")}<//></details>`],
    ["never matter", about.irrelevant.length ? about.irrelevant.join(", ") : "none known"],
    ["SHA-256", html`<span class="mono">${about.sha256}</span>`],
  ]} /><//>`;
}

function Judged({metrics}) {
  const shown = metrics.rows.filter((one) => one.metric !== "rows");
  return html`<${Panel} title="How it was judged" note="value [95 % interval]">
    ${!shown.length ? html`<${Empty} title="No metrics are recorded.">It was not trained by this program. <code>signaltape models compare</code> measures it against the live model.<//>` : html`
    ${metrics.not_told_from_chance ? html`<p class="problem">The test rank IC can't be told from 0: nothing shows yet that this model predicts.</p>` : null}
    <${Scroll}><table class="judged"><caption class="visually-hidden">Metrics by data set</caption><thead><tr><th scope="col">metric</th>${metrics.datasets.map((one) => html`<th scope="col" class="number" key=${one}>${one}</th>`)}</tr></thead>
      <tbody>${shown.map((one) => html`<tr key=${one.metric}><th scope="row">${one.metric.replaceAll("_", " ")}</th>${metrics.datasets.map((set) => html`<td class="number" key=${set}><${Measured} values=${one.values[set]} /></td>`)}</tr>`)}</tbody></table><//>
    <p class="quiet small">Rows of train have been learnt from; all others are held out.</p>`}<//>`;
}

function Measured({values: [value, low, high]}) {
  if (value === null) return "–";
  return html`${number(value, 4)}${low === null ? null : html`<div class="quiet small">[${number(low, 3)}, ${number(high, 3)}]</div>`}`;
}

const VERDICTS = {passed: "good", failed: "bad", not_applicable: "none"};
function Tests({tests}) {
  const {report} = tests;
  return html`<${Panel} title="Model tests" note=${report ? `${percent(report.share, 0)} of those that apply passed, over ${plural(report.rows, "row")}` : undefined}>
    ${tests.failure ? html`<p class="problem"><${Told}>${tests.failure}<//></p>` : !report ? html`<${Empty} title="It was never tested.">Register it again with this release, which tests it; a promotion needs force until then.<//>` : html`
    <${Scroll}><table><caption class="visually-hidden">Model tests</caption><thead><tr><th scope="col">test</th><th scope="col">verdict</th><th scope="col">found</th></tr></thead>
      <tbody>${report.tests.map((one) => html`<tr key=${one.name}><th scope="row">${one.name.replaceAll("_", " ")}</th><td><${Badge} kind=${VERDICTS[one.verdict]}>${one.verdict.replaceAll("_", " ")}<//></td><td><${Told}>${one.detail}<//></td></tr>`)}</tbody></table><//>`}<//>`;
}

function Decided({stages, approvals}) {
  return html`<${Panel} title="Approvals and stages" note="newest first">
    ${!stages.length && !approvals.length ? html`<${Empty} title="Nothing was decided about this version yet.">Promotions, rollbacks and stages are recorded here, with who allowed them and every gate's answer.<//>` : html`
    <ol class="timeline">${[...stages].sort((a, b) => b.at - a.at).map((one) => html`<li key=${`${one.at}/${one.stage}`}><time>${time(one.at)}</time> <${Stage} stage=${one.stage} />
      ${one.strategy ? html` for <${Told}>${one.strategy}<//>` : null}${one.other ? html` ${one.stage === "archived" ? "after it gave way to" : "in the place of"} <${Model} model=${one.other} />` : null}${one.forced ? html` <${Badge} kind="bad">forced<//>` : null}
      <div class="quiet"><${Told}>${one.by}<//>: <${Told}>${one.reason || "no reason given"}<//></div></li>`)}</ol>
    ${approvals.map((one) => html`<details key=${one.approval_id}><summary>${one.action} of ${time(one.at)}: ${plural(one.gates.length, "gate")} asked${one.forced ? ", forced" : ""}</summary>
      <p class="quiet"><${Told}>${one.by}<//>: <${Told}>${one.reason || "no reason given"}<//></p>${one.gates.length ? html`<${Gates} gates=${one.gates} />` : html`<p class="quiet">A rollback asks no gate: the model has served before.</p>`}</details>`)}`}<//>`;
}

function Made({training, runs, registered}) {
  const run = runs.at(-1);
  if (!training && !run) return html`<${Panel} title="How it was made"><${Empty} title="It came from elsewhere.">Nothing is known of its data and training. It was registered on ${time(registered)}.<//><//>`;
  const rows = [["registered", time(registered)]];
  if (run) rows.push(["trained", `${time(run.started_at)} to ${time(run.finished_at)}`], ["bars", span(run.data_from, run.data_to)], ["data set", html`<span class="mono">${run.dataset}</span>`], ["source", html`<span class="mono"><${Told}>${run.git_sha || "unknown"}<//></span>`], ["run", html`<span class="mono">${run.run_id}</span>`]);
  if (training?.target) rows.push(["target", training.target]);
  if (training?.rows) rows.push(["rows", Object.entries(training.rows).map(([name, count]) => `${number(count)} ${name}`).join(", ")]);
  if (training?.seed !== undefined) rows.push(["seed", String(training.seed)]);
  if (training?.parameters) rows.push(["parameters", html`<${Told}>${Object.entries(training.parameters).map(([name, value]) => `${name} = ${value}`).join(", ") || "defaults"}<//>`]);
  if (training?.features_left_out) rows.push(["left out as empty", training.features_left_out.join(", ") || "no column"]);
  return html`<${Panel} title="How it was made"><${Pairs} rows=${rows} /><//>`;
}

function Files({files}) {
  return html`<${Panel} title="Files" note="each was read and compared with its registered SHA-256 just now"><${SmallTable} label="Files of this version" rows=${files} keyOf=${(one) => one.path} columns=${[
    {id: "kind", name: "Kind", value: (one) => one.kind, cell: (one) => html`<${Told}>${one.kind}<//>`},
    {id: "size", name: "Size", number: true, value: (one) => one.size, cell: (one) => bytes(one.size)},
    {id: "sha", name: "SHA-256", value: (one) => one.sha256, cell: (one) => html`<span class="mono" title=${one.sha256}>${one.sha256.slice(0, 12)}</span>`},
    {id: "state", name: "State", value: (one) => one.fault, cell: (one) => one.fault ? html`<${Badge} kind="bad">changed<//> <${Told}>${one.fault}<//>` : html`<${Badge} kind="good">whole<//>`},
  ]} /><//>`;
}
