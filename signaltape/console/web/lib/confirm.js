// Before something is changed: what will happen, why it is done, and the token. What was refused is said in the dialog.
import {html, useEffect, useRef, useState} from "lib/html.js";
import {hasToken, keepToken} from "lib/api.js";

// act(reason) → a promise of a text that says what was done, or {text, kind: "odd"} where that isn't certain yet.
// effect: what will happen, as elements or text. ready: false while it can't be confirmed. children: further choices.
// waiting: what is said while it is on its way.
export function Confirm({title, effect, verb, danger = false, ready = true, waiting = "Waiting for the partitions …", act, onClose, children}) {
  const box = useRef(null), sent = useRef(false);
  const [reason, setReason] = useState("");
  const [token, setToken] = useState("");
  const [asks, setAsks] = useState(!hasToken());
  const [state, setState] = useState({busy: false, error: null, done: null});
  useEffect(() => { const before = document.activeElement; box.current.showModal(); return () => before?.focus?.(); }, []);
  const submit = async (event) => {
    event.preventDefault();
    if (sent.current || !ready) return;  // a second click before the first one is drawn
    sent.current = true;
    if (asks) keepToken(token.trim());
    setState({busy: true, error: null, done: null});
    try {
      const said = await act(reason.trim());
      setState({busy: false, error: null, done: typeof said === "string" ? {text: said, kind: ""} : said});
      setAsks(false);
    } catch (error) {
      if (error.status === 401 || error.status === 403) { keepToken(""); setAsks(true); setToken(""); }
      setState({busy: false, error, done: null});
    }
    sent.current = false;
  };
  return html`<dialog ref=${box} aria-labelledby="confirm-title" onClose=${onClose} onCancel=${(event) => { if (state.busy) event.preventDefault(); }}>
    <form onSubmit=${submit}>
      <h2 id="confirm-title">${title}</h2>
      ${state.done === null ? html`
        <div class=${danger ? "effect danger" : "effect"}>${effect}</div>
        ${children}
        <label class="field">Reason (recorded with the change)<input required minlength="3" maxlength="400" value=${reason} disabled=${state.busy} onInput=${(event) => setReason(event.target.value)} /></label>
        ${asks ? html`<label class="field">Token (kept in this page only, until it is closed)<input type="password" required autocomplete="off" value=${token} disabled=${state.busy} onInput=${(event) => setToken(event.target.value)} /></label>` : null}` : null}
      ${state.error ? html`<div class="problem" role="alert">${state.error.message}${(state.error.detail?.changed ?? []).map((one) => html`<div key=${one} class="told"><bdi>${one}</bdi></div>`)}</div>` : null}
      ${state.done !== null ? html`<div class=${`done ${state.done.kind}`} role="status"><bdi>${state.done.text}</bdi></div>` : null}
      <div class="buttons">
        <button type="button" disabled=${state.busy} onClick=${() => box.current.close()}>${state.done === null ? "Cancel" : "Close"}</button>
        ${state.done === null ? html`<button class=${danger ? "primary danger" : "primary"} disabled=${state.busy || !ready}>${state.busy ? waiting : verb}</button>` : null}
      </div>
    </form></dialog>`;
}
