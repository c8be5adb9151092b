// The tape: newest first, as it comes; it stands still while somebody reads, and can be led back to the oldest that is kept.
import {html, useEffect, useMemo, useRef, useState} from "lib/html.js";
import {get} from "lib/api.js";
import {clock, number, plural, time} from "lib/format.js";
import {go} from "lib/router.js";
import {Empty, Failure, Loading, Panel} from "lib/parts.js";
import {SmallTable, Table} from "lib/table.js";
import {COLUMNS, WIDTH, filterOf, passer, toRow} from "pages/signals/rows.js";
import {useFeed} from "pages/signals/feed.js";
import {Filters} from "pages/signals/filters.js";
import {Reel} from "pages/signals/reel.js";

const PAGE = 1_000;
const MOST_ANSWERS = 8;  // asked for at one click where they hold nothing that isn't shown already
const MOST_NOTICES = 50;

export function Faults({feed}) {
  const faults = [feed.fault, feed.storeFault].filter(Boolean);
  if (!faults.length && !feed.stale) return null;
  return html`<div class="inset">${faults.map((text) => html`<div class="banner" role="status" key=${text}><span>${text}</span></div>`)}
    ${feed.stale ? html`<div class="banner" role="status"><span>Could not be renewed (${feed.error.message}) Shown is what was true at ${clock(feed.at)} UTC.</span><button onClick=${feed.reload}>Try again</button></div>` : null}</div>`;
}

export function Tape({query}) {
  const filter = filterOf(query), key = JSON.stringify(filter);
  const passes = useMemo(() => passer(filter), [key]), reel = useMemo(() => new Reel(), [key]);
  const notices = useRef([]);
  const [hovered, setHovered] = useState(false);
  const [pinned, setPinned] = useState(false);
  const [, turn] = useState(0);
  const still = hovered || pinned || reel.back;
  const feed = useFeed("signals/tape", {...filter, limit: PAGE}, {
    fill: (data) => { reel.fill(data); notices.current = data.notices; },
    take: (fresh, told) => {
      reel.take(fresh, passes);
      if (told.length) notices.current = [...told.reverse(), ...notices.current].slice(0, 200);
    },
    paint: () => { if (!still) reel.show(); },
  });
  const waiting = reel.coming.length, rows = reel.rows;
  const show = () => { if (!reel.show()) feed.reload(); turn((count) => count + 1); };
  useEffect(() => { if (!still && reel.coming.length) show(); }, [still]);
  const filters = useMemo(() => html`<${Filters} query=${query} />`, [key]);
  const table = useMemo(() => html`<${Table} label="Signals, newest first. Arrow keys move, Enter opens the explanation." columns=${COLUMNS} rows=${rows} keyOf=${(row) => row.id}
    height=${560} minWidth=${WIDTH} onChoose=${(row) => go(`/console/signals/${encodeURIComponent(row.id)}`)} />`, [rows]);
  const told = useMemo(() => html`<${Notices} rows=${notices.current} loading=${feed.loading} />`, [notices.current, feed.loading]);
  const note = `${plural(rows.length, "signal")}${reel.left ? `, from ${time(rows[0].time)} UTC back` : ""}${reel.next ? ", the newest of more" : ""}`;
  return html`<${Panel} label="Filters" flush><div class="inset">${filters}</div><//>
    <${Panel} title="Tape" flush note=${feed.loading || feed.failed ? "" : note}
      tools=${html`<span class="quiet" role="status" aria-live="polite">${still && !waiting ? "standing still" : ""}</span>
        ${still && waiting ? html`<button class="pill" onClick=${show}>${plural(waiting, "new signal")}</button>` : null}
        ${reel.back ? html`<button onClick=${() => { setPinned(false); show(); }}>To the newest</button>`
          : html`<button aria-pressed=${String(pinned)} onClick=${() => setPinned(!pinned)}>${pinned ? "Go on" : "Stand still"}</button>`}`}>
      <${Faults} feed=${feed} />
      ${feed.loading ? html`<${Loading} what="Reading the tape" />` : feed.failed ? html`<${Failure} error=${feed.error} retry=${feed.reload} />` :
        rows.length === 0 ? html`<${Nothing} filtered=${Object.values(filter).some(Boolean)} />` :
        html`<div onMouseEnter=${() => setHovered(true)} onMouseLeave=${() => setHovered(false)} onFocusIn=${() => setHovered(true)} onFocusOut=${() => setHovered(false)}>${table}</div>
          <${Older} key=${key} reel=${reel} filter=${filter} turned=${() => turn((count) => count + 1)} />`}
    <//>
    ${feed.failed ? null : told}`;
}
// The way back in time, below the oldest row.
function Older({reel, filter, turned}) {
  const [state, setState] = useState({running: false, error: null});
  const oldest = reel.rows.at(-1).time, filtered = Object.values(filter).some(Boolean);
  const end = useRef(null), asked = useRef(false);
  useEffect(() => { if (asked.current) end.current?.focus(); }, [reel.next]);
  const ask = async () => {
    if (state.running) return;
    asked.current = reel.back = true;  // back from now on: what is cut off at the end meanwhile would be missing
    setState({running: true, error: null});
    try {
      for (let answers = 0; answers < MOST_ANSWERS && reel.next; answers++) {
        const data = await get("signals/tape", {...filter, limit: PAGE, ...reel.next});
        if (reel.older({...data, rows: data.rows.map(toRow)})) break;
      }
      setState({running: false, error: null});
    } catch (error) { setState({running: false, error}); }
    turned();
  };
  if (!reel.next) return html`<p class="cut" role="status" tabindex="-1" ref=${end}>${reel.end ? `This is the end: no older signal ${filtered ? "that passes these filters " : ""}is kept than that of ${time(oldest)} UTC.` : `Shown back to ${time(oldest)} UTC; what lies before can't be read now.`}</p>`;
  return html`<div class="pager"><button aria-disabled=${String(state.running)} onClick=${ask}>${state.running ? "Reading older ones …" : `Show ${number(PAGE)} older`}</button>
    <span class="quiet" role="status">shown back to <span class="mono">${time(oldest)}</span> UTC</span>
    ${state.error ? html`<span class="problem" role="alert">${state.error.message}</span>` : null}</div>`;
}
function Nothing({filtered}) {
  return filtered ? html`<${Empty} title="No signal passes these filters">New ones that do will appear here by themselves. A symbol's name is meant exactly; end it with * to mean a beginning.<//>`
    : html`<${Empty} title="No signal was sent yet">Signals appear once bars flow and a model is live: <code>signaltape publish FILE</code>, <code>signaltape models promote NAME</code>.
      Why a bar gave none: <code>signaltape explain SYMBOL --at TIME</code>, or the view <em>Held back</em>.<//>`;
}
// One decision tells every partition: its notices are one line.
function grouped(notices) {
  const found = new Map();
  for (const one of notices) {
    const key = [one.kind, one.time, one.strategy, one.model, one.detail, one.symbols.join("\u0000")].join("|");
    if (found.has(key)) found.get(key).partitions.push(one.partition); else found.set(key, {...one, partitions: [one.partition]});
  }
  return [...found.values()].sort((left, right) => right.time - left.time || right.n - left.n);
}
function Notices({rows: all, loading}) {
  const rows = grouped(all);
  const columns = [
    {id: "time", name: "From the bar (UTC)", value: (row) => row.time, cell: (row) => row.time ? html`<span class="mono">${time(row.time)}</span>` : "the first"},
    {id: "kind", name: "What", value: (row) => row.kind},
    {id: "strategy", name: "Strategy", value: (row) => row.strategy || "all"},
    {id: "symbols", name: "Symbols", value: (row) => row.symbols.length ? html`<bdi>${row.symbols.slice(0, 5).join(", ")}</bdi>${row.symbols.length > 5 || row.symbols_left_out ? ` and ${number(row.symbols.length - 5 + row.symbols_left_out)} more` : ""}` : "all"},
    {id: "partition", name: "Partitions", value: (row) => row.partitions.sort((a, b) => a - b).join(", ")},
    {id: "detail", name: "Detail", value: (row) => html`<bdi>${row.model ? `${row.model} ` : ""}${row.detail}</bdi>`},
  ];
  return html`<${Panel} title="Notices" flush note=${`what changes how signals are to be read: pauses, swaps, scales; of the newest messages of the topic${rows.length > MOST_NOTICES ? `, the newest ${MOST_NOTICES} of ${rows.length}` : ""}`}>
    ${loading ? html`<${Loading} />` : rows.length ? html`<${SmallTable} label="Notices, newest first" columns=${columns} rows=${rows.slice(0, MOST_NOTICES)} keyOf=${(row) => `${row.n}`} />`
      : html`<${Empty} title="No notice">Nothing was paused, swapped or scaled lately.<//>`}<//>`;
}
