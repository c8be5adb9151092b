// A range of time as two texts; empty ones mean the newest days.
import {html, useEffect, useState} from "lib/html.js";
import {time} from "lib/format.js";
import {setQuery} from "lib/router.js";

export function SpanFields({query}) {
  const [from, setFrom] = useState(query.from ?? ""), [to, setTo] = useState(query.to ?? "");
  useEffect(() => { setFrom(query.from ?? ""); setTo(query.to ?? ""); }, [query.from, query.to]);
  const submit = (event) => { event.preventDefault(); setQuery({from: from.trim(), to: to.trim()}); };
  return html`<form class="time-field" onSubmit=${submit}>
    <label class="field">From<input value=${from} maxlength="60" spellcheck=${false} placeholder="some days before" onInput=${(event) => setFrom(event.target.value)} /></label>
    <label class="field">To<input value=${to} maxlength="60" spellcheck=${false} placeholder="newest" onInput=${(event) => setTo(event.target.value)} /></label><button>Show</button></form>`;
}
export function SpanTold({data}) {
  return html`<p class="quiet">Bars that close after ${time(data.after)} and up to ${time(data.until)} UTC.${data.truncated ? html` <b>Cut to the newest ${data.limit_days} days of the range that was asked for.</b>` : ""}</p>`;
}
