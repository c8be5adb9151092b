// Alerts with their evidence, what became of them, and what the guard did or would have done.
import {html, useState} from "lib/html.js";
import {Badge, Panel, Pairs, Segments, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {number, plural, signed, time} from "lib/format.js";
import {SEVERITY, sessionDay} from "pages/drift/words.js";

const LEAST = [["info", "all"], ["warning", "warning"], ["severe", "severe"], ["urgent", "urgent"]];
const STATES = {published: "done", dry_run: "dry run, nothing was changed", refused: "no step", waiting: "waits to be written", void: "void"};
const DELIVERY = {delivered: "good", waiting: "odd", dead: "bad"};

export function Alerts({strategy, query}) {
  const severity = LEAST.some(([id]) => id === query.severity) ? query.severity : "info";
  const limit = /^[1-9]\d{0,3}$/.test(query.alerts ?? "") ? query.alerts : "50";
  const found = useResource("drift/alerts", {strategy, severity, limit}, {every: 15_000});
  const tools = html`<${Segments} label="Least severity" options=${LEAST} value=${severity} onChange=${(value) => setQuery({severity: value === "info" ? null : value})} />
    <${Segments} label="Of which strategies" options=${[["one", "this strategy"], ["all", "all"]]} value=${query.only === "all" ? "all" : "one"} onChange=${(value) => setQuery({only: value === "all" ? "all" : null})} />`;
  return html`<${Panel} title="Alerts" note="newest first; a subject alarms again after a spell of quiet" tools=${tools} flush=${(found.data?.alerts.length ?? 0) > 0}>
    <${Shown} resource=${found} what="Loading the alerts" empty=${{when: (data) => data.alerts.length === 0, title: "No such alert is stored",
      text: html`Silence is only good where something is measured: look for <em>insufficient</em> above. Rehearse the way of an alert with <code>signaltape guard drill</code>.`}}>
      ${(data) => html`<ul class="alerts">${data.alerts.map((one) => html`<${Alert} key=${one.alert_id} one=${one} sinks=${data.sinks} mode=${data.guard_mode} open=${query.alert === one.alert_id} />`)}</ul>
        ${data.truncated ? html`<p class="cut">The newest ${number(data.limit)} are shown. ${Number(limit) < 200 ? html`<button class="link" onClick=${() => setQuery({alerts: "200"})}>Show 200</button>; ` : ""}<code>signaltape alerts list --limit 10000</code> has more.</p>` : null}`}<//><//>`;
}

function Alert({one, sinks, mode, open}) {
  const [shown, setShown] = useState(open);
  const when = one.policy === "operation" ? time(one.event_time) : sessionDay(one.event_time);
  const onset = one.onset ? sessionDay(one.onset + 1e9) : null;
  return html`<li class="alert">
    <button type="button" class="alert-head" aria-expanded=${shown ? "true" : "false"} onClick=${() => setShown(!shown)}>
      <${Badge} kind=${SEVERITY[one.severity]}>${one.severity}<//><span class="mono rule">${one.rule}</span>
      <span class="when">${when}</span><span class="message">${one.message}</span></button>
    ${shown ? html`<div class="alert-body">
      <div class="grid two">
        <div><h3 class="gap">Evidence</h3><${Pairs} rows=${[
          ["about", html`<span class="mono">${one.subject}</span>`],
          ...(one.e_value === null ? [] : [["e-value", html`${number(Math.round(one.e_value))} against a threshold of ${number(Math.round(one.e_threshold))} <span class="quiet">(what a healthy model reaches at most once in that many sessions)</span>`]]),
          ["false alarms a year that the rule may raise", one.budget === null || one.budget === undefined ? "no promise" : number(one.budget, 3)],
          ["estimated onset", onset ?? "not estimated"],
          ["spell", one.days === null ? "not said" : plural(one.days, "session")],
          ["observations", number(one.sample_size)],
          ...Object.entries(one.evidence).map(([name, value]) => [name.replaceAll("_", " "), plain(value)]),
          ...(one.recent.length ? [["values since the onset", one.recent.map((value) => signed(value, 3)).join("  ")]] : []),
        ]} /></div>
        <div><h3 class="gap">What to do</h3><p>${one.suggested_action || "nothing is suggested"}</p>
          <${Pairs} rows=${Object.entries(one.runbook_says).map(([title, said]) => [title.toLowerCase(), said])} />
          <p class="quiet">Runbook: <code>${one.runbook}</code></p>
          <h3 class="gap">Guard</h3><${Guard} step=${one.guard} mode=${mode} severity=${one.severity} />
          <h3 class="gap">Delivery</h3>${!one.published ? html`<p>Waits for the drift agent, which publishes it.</p>`
            : one.deliveries.length ? html`<ul class="plain">${one.deliveries.map((each) => html`<li key=${each.sink}><${Badge} kind=${DELIVERY[each.state]}>${each.sink}: ${each.state}<//> ${plural(each.attempts, "attempt")}${each.last_error ? `, ${each.last_error}` : ""}</li>`)}</ul>`
            : html`<p class="quiet">On the topic; ${sinks.length ? "no responder took it yet" : "no sink is set for the responder (see docs/alerts.md)"}.</p>`}
        </div>
      </div>
      ${one.members.length ? html`<h3 class="gap">Features (${number(one.members_total)}${one.members_total > one.members.length ? `, the first ${one.members.length}` : ""})</h3>
        <div class="scroll"><table aria-label="Features of this alert"><thead><tr><th scope="col">Feature</th><th scope="col" class="number">Evidence</th><th scope="col">Onset</th><th scope="col">Says</th></tr></thead>
        <tbody>${one.members.map((each) => html`<tr key=${each.name}><td><button class="link" onClick=${() => setQuery({feature: each.name})}>${each.name}</button></td><td class="number">${number(each.value, 6)}</td><td>${sessionDay(each.onset + 1e9)}</td><td>${each.says}</td></tr>`)}</tbody></table></div>` : null}
      <p class="quiet mono">${one.alert_id}</p></div>` : null}</li>`;
}

function Guard({step, mode, severity}) {
  if (!step) return html`<p class="quiet">${mode === "off" ? "The guard is off (setting guard.mode)." : severity === "warning" || severity === "info" ? "No step: it takes one from severe on." : "No decision is recorded: it is about operation, about a model that isn't live, older than a day, or no responder runs."}</p>`;
  return html`<p><${Badge} kind=${step.state === "published" ? "odd" : "none"}>${STATES[step.state] ?? step.state}<//> ${step.rung ? html`<b>${step.rung}</b>: ${step.words}` : `${step.code}: ${step.reason}`}</p>
    ${step.passed_over.length ? html`<p class="quiet">Passed over: ${step.passed_over.map((pair) => pair.join(": ")).join("; ")}</p>` : null}
    <p class="quiet">decided ${time(step.decided_at)}${step.control_offset === null ? "" : `, control offset ${number(step.control_offset)}`}</p>`;
}
function plain(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value, 6);
  if (typeof value === "string") return value;
  const text = JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)} …` : text;
}
