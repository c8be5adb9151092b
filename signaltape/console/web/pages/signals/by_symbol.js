// The newest signal of each symbol and interval; five thousand rows, of which only those in sight are elements.
import {html, useMemo, useRef} from "lib/html.js";
import {ago, number, plural} from "lib/format.js";
import {go} from "lib/router.js";
import {Badge, Empty, Failure, Loading, Panel} from "lib/parts.js";
import {Table} from "lib/table.js";
import {useConnection, useNow} from "lib/live.js";
import {COLUMNS, WIDTH, DIRECTIONS, filterOf, passer} from "pages/signals/rows.js";
import {useFeed} from "pages/signals/feed.js";
import {Filters} from "pages/signals/filters.js";
import {Faults} from "pages/signals/tape.js";

const RENEWED_MS = 5_000;  // ages, and whether a signal still holds, where none comes
const BY_SYMBOL = {id: "symbol", down: false};
const nameOf = (row) => `${row.symbol}\u0000${row.interval}`;

// The newest of each symbol and interval, in the order of symbols: a burst changes what they say, seldom which there are.
class Book {
  #intervals = new Map();  // interval → symbol → row
  #places = null;          // [the map of an interval, symbol]
  fill(rows) { this.#intervals.clear(); this.#places = null; this.take(rows); }
  take(rows) {
    let interval = null, bySymbol = null;
    for (const row of rows) {
      if (row.interval !== interval) {
        interval = row.interval;
        bySymbol = this.#intervals.get(interval);
        if (!bySymbol) this.#intervals.set(interval, bySymbol = new Map());
      }
      const symbol = row.symbol, known = bySymbol.get(symbol);
      if (known === undefined) this.#places = null; else if (known.time > row.time) continue;
      bySymbol.set(symbol, row);
    }
  }
  rows(passes) {
    this.#places ??= [...this.#intervals.values()].flatMap((bySymbol) => [...bySymbol.keys()].map((symbol) => [bySymbol, symbol])).sort(([, one], [, other]) => one < other ? -1 : one > other ? 1 : 0);
    const found = [];
    for (const [bySymbol, symbol] of this.#places) { const row = bySymbol.get(symbol); if (passes(row)) found.push(row); }
    return found;
  }
  get size() { return this.#intervals.size; }
}

export function BySymbol({query}) {
  const book = useRef(null);
  book.current ??= new Book();
  const {offset} = useConnection();
  const feed = useFeed("signals/symbols", {}, {fill: (data) => book.current.fill(data.rows), take: (fresh) => book.current.take(fresh)});
  const filter = filterOf(query), key = JSON.stringify(filter), now = useNow(RENEWED_MS);
  const rows = useMemo(() => book.current.rows(passer(filter)), [feed.version, key]);
  const columns = useMemo(() => [...COLUMNS.slice(1, 8), {id: "time", name: "Age", width: 128, number: true, value: (row) => row.time, cell: (row) => html`<span title=${new Date(row.time / 1e6).toISOString()}>${ago(row.time, offset)}</span>`},
    {id: "holds", name: "Holds", width: 118, value: (row) => row.expires, cell: (row) => row.expires / 1e6 > Date.now() + offset ? html`<${Badge} kind="good">yes<//>` : html`<${Badge}>expired<//>`}, ...COLUMNS.slice(8)], [offset, Math.floor(now / RENEWED_MS)]);
  const filters = useMemo(() => html`<${Filters} query=${query} />`, [key]);
  return html`<${Panel} label="Filters" flush><div class="inset">${filters}</div><//>
    <${Panel} title="Newest signal of each symbol" flush note=${feed.loading || feed.failed ? "" : `${counts(rows, now)}${feed.truncated ? `; the first ${number(feed.limit)} by name` : ""}`}>
      <${Faults} feed=${feed} />
      ${feed.loading ? html`<${Loading} what="Reading the newest signals" />` : feed.failed ? html`<${Failure} error=${feed.error} retry=${feed.reload} />` :
        rows.length === 0 ? html`<${Empty} title=${book.current.size ? "No signal passes these filters" : "No signal was sent yet"}>Signals appear once bars flow and a model is live.<//>` :
        html`<${Table} label="The newest signal of each symbol. Arrow keys move, Enter opens the explanation." columns=${columns} rows=${rows} keyOf=${nameOf} height=${640} minWidth=${WIDTH}
          sort=${BY_SYMBOL} onChoose=${(row) => go(`/console/signals/${encodeURIComponent(row.id)}`)} />`}
    <//>`;
}
function counts(rows, now) {
  const sides = Object.fromEntries(DIRECTIONS.map((side) => [side, 0]));
  let holding = 0;
  for (const row of rows) { sides[row.signal]++; if (row.expires / 1e6 > now) holding++; }
  return `${plural(rows.length, "row")}: ${DIRECTIONS.map((side) => `${number(sides[side])} ${side}`).join(", ")}; ${number(holding)} still hold`;
}
