// Alerts by what has become of them and by kind, each with its evidence and what the guard did or would have done.
import {html, useEffect, useRef, useState} from "lib/html.js";
import {Badge, Empty, Pairs, Panel, Runbook, Scroll, Segments, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {number, plural, signed, time} from "lib/format.js";
import {SEVERITY, sessionDay} from "pages/drift/words.js";

const LEAST = [["info", "all"], ["warning", "warning"], ["severe", "severe"], ["urgent", "urgent"]];
const GROUPS = [
  ["firing", "Firing", "their spell is open: the rule alarms no more until it has ended"], ["unknown", "Not known whether they fire", "the drift agent's state can't be read, or it runs with another policy"],
  ["once", "Happened once", "nothing that lasts"], ["over", "Over", "their spell has ended, or a newer one has begun"],
];
const WORST = ["urgent", "severe", "warning", "info"];
const FIRST = 5;  // of a kind, until more are asked for
const STATES = {published: "done", dry_run: "dry run, nothing was changed", refused: "no step", waiting: "waits to be written", void: "void"};
const DELIVERY = {delivered: "good", waiting: "odd", dead: "bad"};

export function Alerts({strategy, query}) {
  const severity = LEAST.some(([id]) => id === query.severity) ? query.severity : "info";
  const limit = /^[1-9]\d{0,3}$/.test(query.alerts ?? "") ? query.alerts : "50";
  const rule = query.rule ?? "", open = query.alert ?? "";
  const [linked] = useState(open);  // what the address named when it was opened is told whatever else is chosen
  const found = useResource("drift/alerts", {strategy, severity, rule, alert: linked, limit}, {every: 15_000});
  const tools = html`<${Segments} label="Least severity" options=${LEAST} value=${severity} onChange=${(value) => setQuery({severity: value === "info" ? null : value})} />
    <${Segments} label="State of alerts" options=${[["", "all states"], ["firing", "firing"]]} value=${query.state === "firing" ? "firing" : ""} onChange=${(value) => setQuery({state: value})} />
    <${Segments} label="Of which strategies" options=${[["one", "this strategy"], ["all", "all"]]} value=${query.only === "all" ? "all" : "one"} onChange=${(value) => setQuery({only: value === "all" ? "all" : null})} />
    <${Kinds} counts=${found.data?.counts ?? {}} chosen=${rule} />`;
  const shown = (data) => data.alerts.filter((one) => query.state !== "firing" || one.state === "firing");
  const apart = (data) => data.linked.filter((one) => !shown(data).some((other) => other.alert_id === one.alert_id));
  return html`<${Panel} title="Alerts" note="those that fire first, then by kind, the newest first" tools=${tools} flush=${Boolean(found.data && (shown(found.data).length || found.data.linked.length))}>
    <${Shown} resource=${found} what="Loading the alerts">${(data) => html`
      ${linked && !data.linked.length ? html`<p class="cut">No alert <code>${linked}</code> is stored.</p>` : null}
      ${apart(data).length ? html`<${Group} name="Linked alert" says="the address names it; what is chosen above would leave it out" rows=${apart(data)} data=${data} open=${open} />` : null}
      ${shown(data).length ? GROUPS.map(([id, name, says]) => html`<${Group} key=${id} name=${name} says=${says} rows=${shown(data).filter((one) => one.state === id)} data=${data} open=${open} />`)
        : html`<${Empty} title=${query.state === "firing" ? "No such alert fires" : "No such alert is stored"}>Silence is only good where something is measured: look for <em>insufficient</em> above. Rehearse the way of an alert with <code>signaltape guard drill</code>.<//>`}
      ${data.truncated ? html`<p class="cut">The newest ${number(data.limit)} are shown, and all that fire. ${Number(limit) < 200 ? html`<button class="link" onClick=${() => setQuery({alerts: "200"})}>Show 200</button>; ` : ""}<code>signaltape alerts list --limit 10000</code> has more.</p>` : null}`}<//><//>`;
}
function Kinds({counts, chosen}) {
  const names = Object.keys(counts);
  return html`<label class="kinds"><span class="visually-hidden">Kind of alerts</span><select value=${chosen} onChange=${(event) => setQuery({rule: event.target.value})}>
    <option value="">all kinds</option>${names.includes(chosen) || !chosen ? null : html`<option value=${chosen}>${chosen}</option>`}
    ${names.map((name) => html`<option key=${name} value=${name}>${name} (${number(counts[name])})</option>`)}</select></label>`;
}

function Group({name, says, rows, data, open}) {
  if (!rows.length) return null;
  const kinds = [...new Set(rows.map((one) => one.rule))].map((rule) => [rule, rows.filter((one) => one.rule === rule)]);
  kinds.sort(([, left], [, right]) => worst(left) - worst(right) || right[0].event_time - left[0].event_time);
  return html`<section class="alert-group" aria-label=${`${name}: ${plural(rows.length, "alert")}`}>
    <div class="alert-state"><h3>${name} (${number(rows.length)})</h3><span class="quiet">${says}</span></div>
    ${kinds.map(([rule, alerts]) => html`<${Kind} key=${rule} rule=${rule} alerts=${alerts} data=${data} open=${open} />`)}</section>`;
}
const worst = (alerts) => Math.min(...alerts.map((one) => WORST.indexOf(one.severity)));

function Kind({rule, alerts, data, open}) {
  const [all, setAll] = useState(false);
  const shown = alerts.filter((one, at) => all || at < FIRST || one.alert_id === open), section = alerts[0].runbook;
  return html`<div class="alert-kind"><div class="alert-rule"><h4 class="mono">${rule}</h4><span class="quiet">${plural(alerts.length, "alert")}</span>${section ? html`<${Runbook} section=${section} />` : null}</div>
    <ul class="alerts">${shown.map((one) => html`<${Alert} key=${one.alert_id} one=${one} sinks=${data.sinks} mode=${data.guard_mode} shown=${one.alert_id === open} />`)}</ul>
    ${shown.length < alerts.length ? html`<button class="link more-alerts" onClick=${() => setAll(true)}>Show ${number(alerts.length - shown.length)} more of ${rule}</button>` : null}</div>`;
}

// The one that is open stands in the address, so that it can be sent to somebody; the others are as they were left.
function Alert({one, sinks, mode, shown: named}) {
  const [shown, setShown] = useState(named);
  const row = useRef(null);
  useEffect(() => { if (named) row.current.scrollIntoView({block: "center"}); }, []);
  const when = one.state === "once" ? time(one.event_time) : sessionDay(one.event_time);
  const turn = () => {
    setShown(!shown);
    if (!shown) setQuery({alert: one.alert_id}); else if (named) setQuery({alert: null});
  };
  const onset = one.onset ? sessionDay(one.onset + 1e9) : null;
  return html`<li class="alert" ref=${row}>
    <button type="button" class="alert-head" aria-expanded=${shown ? "true" : "false"} onClick=${turn}>
      <${Badge} kind=${SEVERITY[one.severity]}>${one.severity}<//><span class="when">${when}</span><span class="message">${one.message}</span></button>
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
          <p>${one.runbook ? html`<${Runbook} section=${one.runbook} />` : html`<span class="quiet">The runbook has no section for this rule.</span>`}</p>
          <h3 class="gap">Guard</h3><${Guard} step=${one.guard} mode=${mode} severity=${one.severity} />
          <h3 class="gap">Delivery</h3>${!one.published ? html`<p>Waits for the drift agent, which publishes it.</p>`
            : one.deliveries.length ? html`<ul class="plain">${one.deliveries.map((each) => html`<li key=${each.sink}><${Badge} kind=${DELIVERY[each.state]}>${each.sink}: ${each.state}<//> ${plural(each.attempts, "attempt")}${each.last_error ? `, ${each.last_error}` : ""}</li>`)}</ul>`
            : html`<p class="quiet">On the topic; ${sinks.length ? "no responder took it yet" : "no sink is set for the responder (see docs/alerts.md)"}.</p>`}
        </div>
      </div>
      ${one.members.length ? html`<h3 class="gap">Features (${number(one.members_total)}${one.members_total > one.members.length ? `, the first ${one.members.length}` : ""})</h3>
        <${Scroll}><table aria-label="Features of this alert"><thead><tr><th scope="col">Feature</th><th scope="col" class="number">Evidence</th><th scope="col">Onset</th><th scope="col">Says</th></tr></thead>
        <tbody>${one.members.map((each) => html`<tr key=${each.name}><td><button class="link" onClick=${() => setQuery({feature: each.name})}>${each.name}</button></td><td class="number">${number(each.value, 6)}</td><td>${sessionDay(each.onset + 1e9)}</td><td>${each.says}</td></tr>`)}</tbody></table><//>` : null}
      <p class="quiet"><a href=${`?${new URLSearchParams({only: "all", alert: one.alert_id})}`}>Link to this alert</a> <span class="mono">${one.alert_id}</span></p></div>` : null}</li>`;
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
