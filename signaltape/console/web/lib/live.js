// One stream of server-sent events for the whole page: channels are asked for by who shows them.
import {useEffect, useState} from "lib/html.js";
import {BUILD, READING_NEEDS_TOKEN, onLocked, session} from "lib/api.js";

const SILENT_MS = 25_000;  // the server pings every ten seconds
const LATEST_RETRY_MS = 10_000;
const handlers = new Map();      // channel → Set of functions
const watchers = new Set();      // of the connection's state
const afterLoss = new Set();
// A page that nobody sees holds no connection (a browser has six for one server, over all its tabs); seen again, it reads anew.
let away = false;
let source = null, retry = 0, timer = null, heard = 0, asked = "";
let connection = {state: READING_NEEDS_TOKEN ? "asking" : "connecting", why: "", since: Date.now(), build: "", version: "", outdated: false, offset: 0};

function say(change) {
  if (change.state && change.state !== connection.state) change.since = Date.now();
  connection = {...connection, ...change};
  for (const one of watchers) one(connection);
}
function channels() { return [...handlers].filter(([, set]) => set.size).map(([name]) => name).sort().join(","); }
function close() { source?.close(); source = null; clearTimeout(timer); }
function lost() {
  close();
  say({state: "lost", why: ""});
  timer = setTimeout(open, Math.min(LATEST_RETRY_MS, 500 * 2 ** retry++));
  // A stream that is refused doesn't say why.
  session().then(({needed, full}) => { if (needed) lock(); else if (connection.state === "lost") say({why: full}); }, () => {});
}
function lock() { close(); say({state: "locked"}); }
onLocked(lock);
// The page may read now; what it shows is made, and read, only then.
export function unlock() { say({state: "connecting"}); open(); }
function open() {
  close();
  if (document.hidden) { away = true; return; }
  if (connection.state === "asking" || connection.state === "locked") return;
  asked = channels();
  const mine = source = new EventSource(`/console/events?channels=${encodeURIComponent(asked)}`);
  heard = Date.now();
  const on = (name, act) => mine.addEventListener(name, (event) => { if (mine === source) { heard = Date.now(); act(JSON.parse(event.data)); } });
  on("hello", (hello) => {
    const again = connection.state === "lost" || away;
    retry = 0; away = false;
    say({state: "live", why: "", build: hello.build, version: hello.version, outdated: hello.build !== BUILD, offset: hello.now_ns / 1e6 - Date.now()});
    if (again) for (const one of afterLoss) one();
  });
  on("ping", () => {});
  on("lost", () => { for (const one of afterLoss) one(); });
  on("fault", ({channel, message}) => { for (const one of handlers.get(channel) ?? []) one(null, message); });
  for (const name of asked.split(",").filter(Boolean)) on(name, (data) => { for (const one of handlers.get(name) ?? []) one(data, null); });
  mine.onerror = () => { if (mine === source) lost(); };
}
// Channels that come and go with a page are asked for together, once the page has changed.
let soon = null;
function refresh() { clearTimeout(soon); soon = setTimeout(() => { if (!source || channels() !== asked) open(); }, 30); }
setInterval(() => { if (source && Date.now() - heard > SILENT_MS) lost(); }, 1000);
addEventListener("online", () => { if (!source) open(); });
addEventListener("pagehide", close);
document.addEventListener("visibilitychange", () => { if (document.hidden) { close(); away = true; } else if (connection.state === "locked") ask(); else if (away) open(); });
addEventListener("pageshow", (event) => { if (event.persisted) open(); });
refresh();
// Another tab may have begun a session for this one, too.
function ask() { session().then(({needed}) => needed ? lock() : unlock(), unlock); }
if (READING_NEEDS_TOKEN) ask();

// Call `act` when the page must read again what it shows: after a lost connection, or lost events.
export function onReconnect(act) { afterLoss.add(act); return () => afterLoss.delete(act); }
export function useConnection() {
  const [state, setState] = useState(connection);
  useEffect(() => { setState(connection); watchers.add(setState); return () => watchers.delete(setState); }, []);
  return state;
}
// The server's clock in ms; drawn again every so many ms, for what grows old without anything coming.
export function useNow(every) {
  const {offset} = useConnection();
  const [, tick] = useState(0);
  useEffect(() => { const timer = setInterval(() => { if (!document.hidden) tick((count) => count + 1); }, every); return () => clearInterval(timer); }, [every]);
  return Date.now() + offset;
}
// `act(data, fault)` for each event of a channel, while the component is there; `act` must not change between renders.
export function useChannel(name, act) {
  useEffect(() => {
    if (!handlers.has(name)) handlers.set(name, new Set());
    handlers.get(name).add(act);
    refresh();
    return () => { handlers.get(name).delete(act); refresh(); };
  }, [name, act]);
}
// The newest event of a channel: {data, fault}.
export function useLatest(name) {
  const [state, setState] = useState({data: null, fault: null});
  const [act] = useState(() => (data, fault) => setState((old) => ({data: data ?? old.data, fault})));
  useChannel(name, act);
  return state;
}
