// A field for a symbol: the server looks for names that begin with, or hold, what is written; a bounded list is shown.
import {html, useEffect, useRef, useState} from "lib/html.js";
import {get} from "lib/api.js";
import {number} from "lib/format.js";

const PAUSE_MS = 120;

// onChoose(symbol) with a name of the list, what was written (Enter), or "" (where an empty field means all).
export function SymbolField({label, value, onChoose, placeholder = "begin to write", all = false}) {
  const [text, setText] = useState(value ?? "");
  const [found, setFound] = useState(null);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const asked = useRef(0), box = useRef(null);
  useEffect(() => setText(value ?? ""), [value]);
  useEffect(() => {
    if (!open) return undefined;
    const mine = ++asked.current;
    const timer = setTimeout(async () => {
      try { const answer = await get("data/symbols", {q: text, limit: 12}); if (mine === asked.current) { setFound(answer); setAt(-1); } }
      catch (error) { if (mine === asked.current) setFound({symbols: [], matching: 0, error: error.message}); }
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, open]);
  const choose = (symbol) => { setText(symbol); setOpen(false); onChoose(symbol); };
  const keys = (event) => {
    const names = found?.symbols ?? [];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      if (names.length) setAt((old) => (old + (event.key === "ArrowDown" ? 1 : -1) + names.length + 1) % (names.length + 1) === names.length ? -1 : (old + (event.key === "ArrowDown" ? 1 : -1) + names.length) % names.length);
    } else if (event.key === "Enter") { event.preventDefault(); const chosen = names[at]?.symbol ?? text.trim(); if (chosen || all) choose(chosen); }
    else if (event.key === "Escape" && open) { event.preventDefault(); setOpen(false); }
  };
  const leave = (event) => { if (!box.current.contains(event.relatedTarget)) setOpen(false); };
  const names = found?.symbols ?? [];
  return html`<div class="combo" ref=${box} onFocusOut=${leave}>
    <label class="field">${label}<input role="combobox" autocomplete="off" spellcheck=${false} maxlength="128" aria-expanded=${open ? "true" : "false"} aria-controls="symbol-list" aria-autocomplete="list"
      aria-activedescendant=${at >= 0 ? `symbol-${at}` : undefined} placeholder=${placeholder} value=${text}
      onInput=${(event) => { setText(event.target.value); setOpen(true); }} onFocus=${() => setOpen(true)} onKeyDown=${keys} /></label>
    ${open && found ? html`<div class="combo-list"><ul id="symbol-list" role="listbox" aria-label="Symbols">${names.map((one, index) => html`<li key=${one.symbol} id=${`symbol-${index}`} role="option" aria-selected=${index === at ? "true" : "false"}
        onMouseDown=${(event) => { event.preventDefault(); choose(one.symbol); }}><bdi class="name">${one.symbol}</bdi><span class="quiet">${one.intervals.map((each) => each.interval).join(" ")}</span></li>`)}</ul>
      <p class="quiet" role="status">${found.error ?? (names.length === 0 ? "no symbol with bars has this in its name" : found.truncated ? `${names.length} of ${number(found.matching)}; write more of the name` : `${number(found.matching)} found`)}${found.complete === false ? "; the last symbols by name are not in this list" : ""}</p></div>` : null}</div>`;
}
