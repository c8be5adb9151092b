// The tape: newest first, as it comes; it stands still while somebody reads.
import {html, useEffect, useMemo, useRef, useState} from "lib/html.js";
import {number, plural, time} from "lib/format.js";
import {go} from "lib/router.js";
import {Empty, Failure, Loading, Panel} from "lib/parts.js";
import {SmallTable, Table} from "lib/table.js";
import {COLUMNS, WIDTH, filterOf, passes} from "pages/signals/rows.js";
import {useFeed} from "pages/signals/feed.js";
import {Filters} from "pages/signals/filters.js";

const MOST = 5_000;  // rows that are kept in the page; a filter leads to older ones
const MOST_NOTICES = 50;

export function Faults({feed}) {
  if (!feed.faults.length && !feed.stale) return null;
  return html`<div class="inset">${feed.faults.map((text) => html`<div class="banner" role="status" key=${text}><span>${text}</span></div>`)}
    ${feed.stale ? html`<div class="banner" role="status"><span>Could not be renewed: ${feed.error.message} Shown is what was read before.</span><button onClick=${feed.reload}>Try again</button></div>` : null}</div>`;
}

export function Tape({query}) {
  const rows = useRef([]), notices = useRef([]), coming = useRef([]);
  const [hovered, setHovered] = useState(false);
  const [pinned, setPinned] = useState(false);
  const [version, setVersion] = useState(0);
  const still = hovered || pinned;
  const filter = filterOf(query), key = JSON.stringify(filter);
  const feed = useFeed("signals/tape", {...filter, limit: 1000},
    (data) => { rows.current = data.rows; notices.current = data.notices; coming.current = []; setVersion((count) => count + 1); },
    (fresh, told) => {
      for (const row of fresh) if (passes(row, filter)) coming.current.push(row);
      if (coming.current.length > MOST) coming.current.splice(0, coming.current.length - MOST);
      notices.current = [...told.reverse(), ...notices.current].slice(0, 200);
    });
  const waiting = coming.current.length;
  useEffect(() => { if (!still && waiting) show(); });
  function show() {
    const known = new Set(rows.current.map((row) => row.id));
    rows.current = [...coming.current.filter((row) => !known.has(row.id)).reverse(), ...rows.current].slice(0, MOST);
    coming.current = [];
    setVersion((count) => count + 1);
  }
  const shown = useMemo(() => rows.current, [version, key]);
  return html`<${Panel} label="Filters" flush><div class="inset"><${Filters} query=${query} /></div><//>
    <${Panel} title="Tape" flush note=${feed.loading || feed.failed ? "" : `${plural(shown.length, "signal")}${feed.truncated || shown.length >= MOST ? ", the newest of more" : ""}`}
      tools=${html`<span class="quiet" role="status" aria-live="polite">${still && waiting ? "" : still ? "standing still" : ""}</span>
        ${still && waiting ? html`<button class="pill" onClick=${show}>${plural(waiting, "new signal")}</button>` : null}
        <button aria-pressed=${String(pinned)} onClick=${() => setPinned(!pinned)}>${pinned ? "Go on" : "Stand still"}</button>`}>
      <${Faults} feed=${feed} />
      ${feed.loading ? html`<${Loading} what="Reading the tape" />` : feed.failed ? html`<${Failure} error=${feed.error} retry=${feed.reload} />` :
        shown.length === 0 ? html`<${Nothing} filtered=${Object.values(filter).some(Boolean)} />` :
        html`<div onMouseEnter=${() => setHovered(true)} onMouseLeave=${() => setHovered(false)} onFocusIn=${() => setHovered(true)} onFocusOut=${() => setHovered(false)}>
          <${Table} label="Signals, newest first. Arrow keys move, Enter opens the explanation." columns=${COLUMNS} rows=${shown} keyOf=${(row) => row.id} height=${560} minWidth=${WIDTH}
            onChoose=${(row) => go(`/console/signals/${encodeURIComponent(row.id)}`)} /></div>`}
    <//>
    ${feed.failed ? null : html`<${Notices} rows=${notices.current} loading=${feed.loading} />`}`;
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
