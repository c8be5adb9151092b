// Addresses: /console/PAGE/REST?query. Every view that a person can come to has one that can be sent to somebody else.
import {html, useEffect, useState} from "lib/html.js";

const listeners = new Set();
// A link may hold anything: what isn't decodable is taken as it stands.
function decoded(part) { try { return decodeURIComponent(part); } catch { return part; } }
function read() {
  const [, , page, ...rest] = location.pathname.split("/");
  return {page: page || "flow", rest: rest.map(decoded).join("/"), query: Object.fromEntries(new URLSearchParams(location.search))};
}
function tell() { for (const one of listeners) one(read()); }
addEventListener("popstate", tell);

export function go(to, {replace = false} = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  tell();
}
// Change the query of the present address; null or "" removes a name. A filter is no new place: Back leaves the page.
export function setQuery(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) if (value === null || value === undefined || value === "") query.delete(name); else query.set(name, value);
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ""), {replace: true});
}
export function useLocation() {
  const [at, setAt] = useState(read());
  useEffect(() => { listeners.add(setAt); return () => listeners.delete(setAt); }, []);
  return at;
}
export function Link({to, children, ...more}) {
  const follow = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    scrollTo(0, 0);
    document.getElementById("content")?.focus({preventScroll: true});
  };
  return html`<a href=${to} onClick=${follow} ...${more}>${children}</a>`;
}
