// Flow: what is degraded and why, what moves, what waits, and whether both sides of the log agree.
import {html} from "lib/html.js";
import {ago, clock, plural} from "lib/format.js";
import {useLatest} from "lib/live.js";
import {Badge, Empty, Failure, Loading, PageHead, Panel, Runbook} from "lib/parts.js";
import {Picture} from "pages/flow/picture.js";
import {Figures} from "pages/flow/figures.js";
import {Groups, Services} from "pages/flow/services.js";
import {Reconciliation} from "pages/flow/reconciliation.js";

const VERDICTS = {good: ["good", "works"], odd: ["odd", "needs a look"], bad: ["bad", "degraded"]};

export default function Flow({connection}) {
  const {data, fault} = useLatest("flow");
  const gone = connection.state === "lost";
  if (!data) return html`<${PageHead} title="Flow" lead="The pipeline as it is now." />
    <${Panel}>${fault ? html`<${Failure} error=${{message: fault}} />` : gone ? html`<${Empty} title="Nothing was read yet">${connection.why || "The server does not answer"}. This page tries again by itself.<//>` : html`<${Loading} what="Looking at the pipeline" />`}<//>`;
  const [kind, word] = VERDICTS[data.verdict];
  const nothing = data.begun !== null && !data.begun.bars;
  return html`<${PageHead} title="Flow" lead=${html`as of <span class="mono">${clock(data.at / 1e6)}</span> UTC, looked at each second`}>
      <span role="status" aria-live="polite"><${Badge} kind=${gone ? "none" : kind}>${gone ? "not known" : word}<//></span>
      ${Object.entries(data.dependencies).map(([name, one]) => html`<${Badge} key=${name} kind=${one.ok ? "good" : "bad"} title=${one.detail}>${name} ${one.ok ? "answers" : "is away"}<//>`)}<//>
    ${fault ? html`<div class="banner bad" role="alert"><span>Could not be renewed: ${fault} Shown is what was true at ${clock(data.at / 1e6)} UTC.</span></div>` : null}
    <div class=${`grid${gone || fault ? " stale" : ""}`}>
      <${Problems} data=${data} offset=${connection.offset} />
      ${nothing ? html`<${Begin} data=${data} />` : html`<${Figures} data=${data} />`}
      <${Panel} title="The pipeline" note="topics between services; rates over the last five seconds" label="Picture of the pipeline"><${Picture} data=${data} /><//>
      ${nothing ? null : html`<${Reconciliation} />`}
      <${Services} rows=${data.services} />
      <${Groups} rows=${data.groups} from=${data.groups_from} />
    </div>`;
}

function Problems({data, offset}) {
  const found = data.problems, worse = found.filter((one) => one.level !== "note").length;
  if (!found.length) return html`<${Panel} title="What is degraded"><p class="fine"><${Badge} kind="good">Nothing<//> Every service is ready, nothing waits for long, and all dependencies answer.</p><//>`;
  return html`<${Panel} title="What is degraded" note=${worse ? plural(worse, "thing") : "nothing that bars flow through"} flush>
    <ul class="problems">${found.map((one) => html`<li key=${one.key}>
      <${Badge} kind=${one.level === "note" ? "none" : one.level}>${{bad: "broken", odd: "look", note: "note"}[one.level]}<//>
      <div><strong>${one.what}</strong>${one.why ? html`<span class="quiet"> · ${one.why}</span>` : null}
        ${one.do || one.command || one.runbook ? html`<div>${one.do} ${one.command ? html`<code>${one.command}</code>` : null} ${one.runbook ? html`<${Runbook} section=${one.runbook} />` : null}</div>` : null}</div>
      <span class="quiet since">${one.since > data.watched_since + 3e9 ? `since ${clock(one.since / 1e6)}, ${ago(one.since, offset)}` : "since before this page looked"}</span></li>`)}</ul><//>`;
}

function Begin({data}) {
  const run = ["ingest", "features", "inference", "store"].every((name) => data.nodes[name]?.ready);
  const steps = [
    [run, "The services run", html`<code>signaltape run all</code>, after <code>signaltape init</code> once`],
    [data.begun.models, "A model is registered", html`<code>signaltape train …</code>, then <code>signaltape models promote NAME</code>`],
    [data.begun.bars, "Bars come in", html`<code>signaltape publish FILE --interval 1m --stamp close</code>, or the SDK's <code>BarPublisher</code>`],
    [data.begun.signals, "Signals go out", html`they appear under <em>Signals</em> by themselves`],
  ];
  return html`<${Panel} title="Nothing has flowed yet" note="what to do first, in this order">
    <ol class="steps">${steps.map(([done, name, how]) => html`<li key=${name}><${Badge} kind=${done ? "good" : "none"}>${done ? "done" : "to do"}<//> <strong>${name}</strong> <span class="quiet">${how}</span></li>`)}</ol>
    <p class="quiet">To see it all with data instead: <code>make demo ARGS=--keep</code>.</p><//>`;
}
