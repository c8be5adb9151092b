// Parts of every page: heads, panels, badges, and what is shown while there is nothing, not yet, or a failure.
import {html, Component, useEffect, useRef} from "lib/html.js";
import {clock} from "lib/format.js";
import {runbook} from "lib/theme.js";

export function PageHead({title, lead, children}) {
  return html`<div class="pagehead"><h1>${title}</h1><p class="lead">${lead}</p>${children ? html`<div class="tools">${children}</div>` : null}</div>`;
}
export function Panel({title, note, tools, flush = false, label, children}) {
  return html`<section class="panel" aria-label=${label ?? title}>
    ${title ? html`<header><h2>${title}</h2>${note ? html`<span class="note">${note}</span>` : null}${tools ? html`<div class="tools">${tools}</div>` : null}</header>` : null}
    <div class=${flush ? "body flush" : "body"}>${children}</div></section>`;
}
// kind: good, odd, bad or none; the sign in front of the word says it without colour.
export function Badge({kind = "none", children, title}) { return html`<span class=${`badge ${kind}`} title=${title}>${children}</span>`; }
export function Figure({name, value, unit, kind}) {
  return html`<div class="figure"><dt>${name}</dt><dd class=${kind ? `${kind}-text` : ""}>${value}${unit ? html` <small>${unit}</small>` : null}</dd></div>`;
}
export function Figures({children}) { return html`<dl class="figures">${children}</dl>`; }
export function Pairs({rows}) { return html`<dl class="pairs">${rows.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`; }

// The way to the section of the runbook that says what to do: a document of its own, so no link of this page.
export function Runbook({section}) { return html`<a class="runbook-link" href=${runbook(section)} onClick=${(event) => { event.currentTarget.href = runbook(section); }}>Runbook: <span class="mono">${section}</span></a>`; }

export function Loading({what = "Loading"}) {
  return html`<div class="skeleton" role="status"><span></span><span></span><span></span><b class="visually-hidden">${what} …</b></div>`;
}
export function Empty({title, children}) { return html`<div class="state"><strong>${title}</strong><div class="why">${children}</div></div>`; }
export function Failure({error, retry}) {
  return html`<div class="state error" role="alert"><strong>${error.message}</strong>
    ${error.code ? html`<span class="mono quiet">${error.code}${error.status ? ` · ${error.status}` : ""}</span>` : null}
    ${retry ? html`<button onClick=${retry}>Try again</button>` : null}</div>`;
}
// Show what `resource` (lib/resource.js) has: children is a function of its data.
export function Shown({resource, what, empty, children}) {
  if (resource.loading) return html`<${Loading} what=${what} />`;
  if (resource.error && resource.data === null) return html`<${Failure} error=${resource.error} retry=${resource.reload} />`;
  // What was empty is old, too, once it can't be renewed: it must not pass for what there is now.
  return html`${resource.stale ? html`<div class="banner" role="status"><span>Could not be renewed (${resource.error.message}) Shown is what was true at ${clock(resource.at)} UTC.</span>
    <button onClick=${resource.reload}>Try again</button></div>` : null}<div class=${resource.stale ? "stale" : ""}>${
      empty && empty.when(resource.data) ? html`<${Empty} title=${empty.title}>${empty.text}<//>` : children(resource.data)}</div>`;
}
export function Segments({label, options, value, onChange}) {
  return html`<div class="segments" role="group" aria-label=${label}>${options.map(([id, name]) => html`<button key=${id} type="button"
    aria-pressed=${id === value ? "true" : "false"} onClick=${() => onChange(id)}>${name}</button>`)}</div>`;
}
// What may be wider than the page. Where it is, the keyboard can get there to move it; where it isn't, Tab passes by.
export function Scroll({class: more = "", children}) {
  const box = useRef(null);
  useEffect(() => {
    const one = box.current;
    const look = () => { if (one.scrollWidth > one.clientWidth) one.tabIndex = 0; else one.removeAttribute("tabindex"); };
    const seen = new ResizeObserver(look);
    for (const each of [one, ...one.children]) seen.observe(each);
    return () => seen.disconnect();
  }, []);
  return html`<div class=${`scroll ${more}`} ref=${box}>${children}</div>`;
}
export class Boundary extends Component {
  constructor() { super(); this.state = {error: null}; }
  static getDerivedStateFromError(error) { return {error}; }
  render({children}, {error}) {
    return error === null ? children : html`<div class="state error" role="alert"><strong>This page has failed.</strong><span class="mono">${String(error.message ?? error)}</span>
      <button onClick=${() => location.reload()}>Load the page again</button></div>`;
  }
}
