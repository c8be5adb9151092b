// The filters of the tape; they live in the address.
import {html, useEffect, useState} from "lib/html.js";
import {setQuery} from "lib/router.js";

function Text({name, label, value, hint, width}) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => { setText(value ?? ""); }, [value]);
  return html`<label class="field">${label}<input value=${text} size=${width} maxlength="130" placeholder=${hint} spellcheck="false" autocomplete="off"
    onInput=${(event) => setText(event.target.value)} onChange=${(event) => setQuery({[name]: event.target.value.trim()})}
    onKeyDown=${(event) => { if (event.key === "Enter") setQuery({[name]: event.target.value.trim()}); }} /></label>`;
}
export function Choice({name, label, value, options, none = "all"}) {
  return html`<label class="field">${label}<select value=${value ?? ""} onChange=${(event) => setQuery({[name]: event.target.value})}>
    <option value="">${none}</option>${options.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>`;
}
const INTERVALS = ["1s", "5s", "15s", "30s", "1m", "5m", "15m", "30m", "1h", "4h", "1d"];
const NAMES = ["symbol", "strategy", "model", "direction", "interval", "confidence"];

export function Filters({query, only = NAMES}) {
  const has = (name) => only.includes(name);
  const any = only.some((name) => query[name]);
  return html`<form class="filters" role="search" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
    ${has("symbol") ? html`<${Text} name="symbol" label="Symbol" value=${query.symbol} hint="exact, or AB* for a beginning" width="24" />` : null}
    ${has("strategy") ? html`<${Text} name="strategy" label="Strategy" value=${query.strategy} hint="all" width="12" />` : null}
    ${has("model") ? html`<${Text} name="model" label="Model" value=${query.model} hint="name or name:version" width="18" />` : null}
    ${has("direction") ? html`<${Choice} name="direction" label="Direction" value=${query.direction} options=${["long", "short", "flat"]} />` : null}
    ${has("interval") ? html`<${Choice} name="interval" label="Interval" value=${query.interval} options=${INTERVALS} />` : null}
    ${has("confidence") ? html`<${Choice} name="confidence" label="Confidence from" value=${query.confidence} options=${["0.5", "0.55", "0.6", "0.65", "0.7", "0.8", "0.9"]} none="any" />` : null}
    ${any ? html`<button type="button" onClick=${() => setQuery(Object.fromEntries(only.map((name) => [name, null])))}>Clear filters</button>` : null}
  </form>`;
}
