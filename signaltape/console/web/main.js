// The frame: navigation, state of the connection, theme, and the page that the address names.
import {html, render, useEffect, useState} from "lib/html.js";
import {useConnection} from "lib/live.js";
import {Link, useLocation} from "lib/router.js";
import {clock} from "lib/format.js";
import {Boundary, Loading} from "lib/parts.js";
import {runbook, theme, useTheme} from "lib/theme.js";
import {READING_NEEDS_TOKEN, endSession} from "lib/api.js";
import {SignIn} from "lib/signin.js";

const PAGES = [
  {id: "flow", name: "Flow", icon: "M3 12h4l2-7 4 14 3-9 1 2h4"},
  {id: "signals", name: "Signals", icon: "M4 19V9m5 10V5m5 14v-7m5 7V8"},
  {id: "models", name: "Models", icon: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5"},
  {id: "drift", name: "Drift", icon: "M3 17c4 0 4-10 8-10s3 6 10 6M3 21h18"},
  {id: "data", name: "Data", icon: "M4 6c0-4 16-4 16 0s-16 4-16 0v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0"},
  {id: "runs", name: "Replays and backtests", icon: "M4 4v6h6M5 10a8 8 0 1 1-1 5M12 8v5l3 2"},
];
const BOOK = "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11M9 8h6";
const loaded = new Map();

function usePage(id) {
  const [page, setPage] = useState(loaded.get(id));
  useEffect(() => {
    let current = true;
    if (loaded.has(id)) { setPage(() => loaded.get(id)); return () => {}; }
    setPage(undefined);
    import(`pages/${id}.js`).then(
      (module) => { loaded.set(id, module.default); if (current) setPage(() => module.default); },
      (error) => { if (current) setPage(() => () => { throw error; }); },
    );
    return () => { current = false; };
  }, [id]);
  return page;
}

function Clock() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => { const timer = setInterval(() => { if (!document.hidden) setNow(Date.now()); }, 1000); return () => clearInterval(timer); }, []);
  return html`<time class="mono" title="Coordinated universal time">${clock(now)} UTC</time>`;
}

function Icon({path}) {
  return html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${path} /></svg>`;
}

function Connection({connection}) {
  const [kind, text] = {
    live: ["good", "live"], connecting: ["odd", "connecting"], lost: ["bad", "no connection"], asking: ["odd", "connecting"], locked: ["odd", "token needed"],
  }[connection.state];
  return html`<span class="badge ${kind}" role="status" aria-live="polite">${text}</span>`;
}

function Banner({connection}) {
  if (connection.outdated) return html`<div class="banner" role="alert">
    <span>The server runs another build than this page was made for. What is shown may be wrong, and changes are refused.</span>
    <button onClick=${() => location.reload()}>Load the page again</button></div>`;
  if (connection.state === "lost" && connection.why) return html`<div class="banner bad" role="alert">
    <span>This page gets nothing new since ${clock(connection.since)} UTC: ${connection.why}. It tries again by itself.</span></div>`;
  if (connection.state === "lost") return html`<div class="banner bad" role="alert">
    <span>The server does not answer since ${clock(connection.since)} UTC. What is shown is of then. This page tries again by itself.</span></div>`;
  return null;
}

function App() {
  const {page, rest, query} = useLocation();
  const connection = useConnection();
  const chosen = useTheme();
  const Page = usePage(page);
  const name = PAGES.find((one) => one.id === page)?.name ?? "Page";
  useEffect(() => { document.title = `${name} · signaltape`; }, [name]);
  return html`<a class="skip" href="#content">Skip to the content</a>
  <div class="frame">
    <header class="rail">
      <${Link} to="/console/flow" class="brand"><img src="/console/static/icon.svg" alt="" />signaltape<//>
      <nav aria-label="Pages">${PAGES.map((one) => html`<${Link} key=${one.id} to=${`/console/${one.id}`}
        aria-current=${one.id === page ? "page" : undefined}><${Icon} path=${one.icon} />${one.name}<//>`)}
        <a href=${runbook("content")}><${Icon} path=${BOOK} />Runbook</a></nav>
      <div class="foot">
        <div class="row"><${Connection} connection=${connection} />
          <button class="link" onClick=${() => theme(chosen === "dark" ? "light" : "dark")}>${chosen === "dark" ? "light" : "dark"} colours</button></div>
        ${READING_NEEDS_TOKEN && connection.state !== "locked" ? html`<div class="row"><button class="link" onClick=${endSession}>end the session</button></div>` : null}
        <div class="row"><${Clock} /></div>
        <div class="row"><span title=${connection.build}>${connection.version ? `version ${connection.version}` : ""}</span></div>
      </div>
    </header>
    <main class="main" id="content" tabindex="-1">
      <${Banner} connection=${connection} />
      <${Boundary} key=${page}>${connection.state === "locked" ? html`<${SignIn} />` : connection.state === "asking" ? html`<${Loading} />` : Page ? html`<${Page} rest=${rest} query=${query} connection=${connection} />` : html`<${Loading} />`}<//>
    </main>
  </div>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
