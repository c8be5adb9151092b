// Light or dark: what the system says until a person chooses; the choice is kept in this browser.
import {useEffect, useState} from "lib/html.js";

const KEY = "signaltape-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

function kept() { try { return localStorage.getItem(KEY); } catch { return null; } }
export function current() { const one = kept(); return one === "dark" || one === "light" ? one : system.matches ? "dark" : "light"; }
function apply() { document.documentElement.dataset.theme = current(); for (const one of listeners) one(current()); }
export function theme(name) { try { localStorage.setItem(KEY, name); } catch { /* private mode: for this page only */ } document.documentElement.dataset.theme = name; for (const one of listeners) one(name); }
export function useTheme() {
  const [name, setName] = useState(current());
  useEffect(() => { listeners.add(setName); return () => listeners.delete(setName); }, []);
  return name;
}
system.addEventListener("change", apply);
apply();
// A document of the server runs no script: its address says which colours were chosen, where one was.
export const runbook = (section) => `/console/runbook${kept() ? `?theme=${current()}` : ""}#${encodeURIComponent(section)}`;
