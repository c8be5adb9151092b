// Where the server lets nobody read without a token: the page asks for one, and has a session of some hours for it.
import {html, useEffect, useRef, useState} from "lib/html.js";
import {beginSession} from "lib/api.js";
import {unlock} from "lib/live.js";
import {Panel} from "lib/parts.js";

export function SignIn() {
  const field = useRef(null);
  const [token, setToken] = useState("");
  const [state, setState] = useState({busy: false, error: null});
  useEffect(() => { if (!state.busy) field.current.focus(); }, [state]);
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    setState({busy: true, error: null});
    try {
      await beginSession(token.trim());
      unlock();
    } catch (error) {
      setState({busy: false, error: error.status === 401 && error.detail ? "This token is not known." : error.message});
    }
  };
  return html`<${Panel} title="A token is needed">
    <form class="signin" onSubmit=${submit}>
      <p>This server shows nothing without a token. Any of its tokens lets this browser read for twelve hours; one that may change is kept in this page only, until it is closed.</p>
      <label class="field">Token<input ref=${field} type="password" required autocomplete="off" value=${token} disabled=${state.busy} onInput=${(event) => setToken(event.target.value)} /></label>
      ${state.error ? html`<div class="problem" role="alert">${state.error}</div>` : null}
      <div class="buttons"><button class="primary" disabled=${state.busy}>${state.busy ? "Asking …" : "Read"}</button></div>
    </form><//>`;
}
