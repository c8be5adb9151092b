// One change: the server tells what it will do; a person confirms that, with a reason; the server refuses it where something else was decided meanwhile.
import {html, useEffect, useState} from "lib/html.js";
import {post} from "lib/api.js";
import {Confirm} from "lib/confirm.js";
import {useResource} from "lib/resource.js";
import {Failure, Loading} from "lib/parts.js";
import {Gates, Told} from "pages/models/words.js";

const TITLES = {promote: "Promote a model", rollback: "Roll back", pause: "Pause signals", resume: "Resume signals", position_scale: "Scale positions"};

export function ChangeDialog({change, overview, onDone, onClose}) {
  const [asked, setAsked] = useState({...change, strategy: change.strategy || guess(change, overview), symbols: []});
  const [settled, setSettled] = useState(asked);
  const [forced, setForced] = useState(null);  // the `seen` of the effect whose closed gates are passed
  // While somebody types, nothing is asked of the server.
  useEffect(() => { const timer = setTimeout(() => setSettled(asked), 250); return () => clearTimeout(timer); }, [asked]);
  const path = settled.action === "promote" && !settled.strategy ? null : `models/effect?${question(settled)}`;
  const effect = useResource(path);
  const told = path !== null && settled === asked ? effect.data : null;
  const closed = told ? told.gates.filter((one) => !one.passed).map((one) => one.name) : [];
  const passing = closed.length > 0 && forced === told?.seen;
  const ready = told !== null && !effect.error && !told.impossible && (!closed.length || passing);
  const act = async (reason) => {
    try {
      const {symbols, ...rest} = settled;
      const done = await post("models/change", {change: {...rest, symbols}, seen: told.seen, reason, forces: passing ? closed : []});
      onDone();
      return {text: done.text, kind: done.received && !done.late.length && !done.meanwhile.length ? "" : "odd"};
    } catch (error) {
      if (error.code === "state_changed" || error.code === "refused") { setForced(null); effect.reload(); onDone(); }
      throw error;
    }
  };
  return html`<${Confirm} title=${told?.title ?? TITLES[change.action]} verb=${passing ? `${told.verb} past closed gates` : told?.verb ?? "Confirm"} danger=${Boolean(told?.danger)} ready=${ready} act=${act} onClose=${onClose}
      effect=${html`<div aria-live="polite"><${Effect} effect=${effect} told=${told} waits=${path === null} /></div>`}>
    <${Choices} change=${change} asked=${asked} onAsked=${setAsked} overview=${overview} />
    ${closed.length && !told.impossible ? html`<label class="force"><input type="checkbox" checked=${passing} onChange=${(event) => setForced(event.target.checked ? told.seen : null)} />
      <span>Promote it although ${closed.length === 1 ? "this gate is" : "these gates are"} closed: ${closed.map((name) => name.replaceAll("_", " ")).join(", ")}. It is recorded as forced, with the reason.</span></label>` : null}
  <//>`;
}

function Effect({effect, told, waits}) {
  if (waits) return html`<p>Choose the strategy; then it is said here what will happen.</p>`;
  if (effect.error && effect.data === null) return html`<${Failure} error=${effect.error} retry=${effect.reload} />`;
  if (told === null) return html`<${Loading} what="Working out what will happen" />`;
  return html`${told.impossible ? html`<p class="bad-text"><strong>This can't be done now.</strong> <${Told}>${told.impossible}<//></p>` : null}
    <ul class="effects">${told.lines.map((line) => html`<li key=${line}><${Told}>${line}<//></li>`)}</ul>
    ${told.gates.length ? html`<${Gates} gates=${told.gates} />` : null}`;
}

function Choices({change, asked, onAsked, overview}) {
  const names = (overview?.strategies ?? []).map((one) => one.name);
  const [fresh, setFresh] = useState(false);
  const strategy = (value) => onAsked({...asked, strategy: value});
  if (change.action === "promote") return html`<label class="field">Strategy<select required value=${fresh ? "\u0000new" : asked.strategy} onChange=${(event) => { const isNew = event.target.value === "\u0000new"; setFresh(isNew); strategy(isNew ? "" : event.target.value); }}>
      <option value="">choose …</option>${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}<option value=${"\u0000new"}>a new strategy …</option></select></label>
    ${fresh ? html`<label class="field">Name of the new strategy<input required maxlength="128" value=${asked.strategy} onInput=${(event) => strategy(event.target.value.trim())} /></label>` : null}`;
  if (change.action === "rollback") {
    const one = overview?.strategies.find((held) => held.name === asked.strategy);
    return html`<label class="field">Back to<select value=${asked.model ?? ""} onChange=${(event) => onAsked({...asked, model: event.target.value || undefined})}>
      <option value="">its predecessor${one?.predecessor ? `, ${one.predecessor}` : ""}</option>${(one?.served_before ?? []).filter((model) => model !== one.predecessor).map((model) => html`<option key=${model} value=${model}>${model}</option>`)}</select></label>`;
  }
  if (change.action === "position_scale") return html`<label class="field">Position scale, 0 to 1 (1: full positions)<input type="number" required min="0" max="1" step="any" value=${asked.scale} onInput=${(event) => event.target.value !== "" && onAsked({...asked, scale: Number(event.target.value)})} /></label>`;
  return html`<label class="field">Strategy<select value=${asked.strategy} onChange=${(event) => strategy(event.target.value)}>
      <option value="">all strategies</option>${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
    <label class="field">Symbols, one a line (none: all symbols)<textarea rows="2" onInput=${(event) => onAsked({...asked, symbols: event.target.value.split("\n").map((one) => one.trim()).filter(Boolean)})}></textarea></label>`;
}

// Where a version would go, if that is plain: the only strategy, or the only one where a version of its name is live.
function guess({action, model}, overview) {
  const all = overview?.strategies ?? [];
  const same = all.filter((one) => one.live?.split(":")[0] === model?.split(":")[0]);
  return action !== "promote" ? "" : all.length === 1 ? all[0].name : same.length === 1 ? same[0].name : "";
}

function question({action, strategy, model, symbols, scale}) {
  const pairs = [["action", action], ["strategy", strategy ?? ""], ...symbols.map((one) => ["symbol", one])];
  if (model) pairs.push(["model", model]);
  if (scale !== undefined) pairs.push(["scale", scale]);
  return new URLSearchParams(pairs);
}
