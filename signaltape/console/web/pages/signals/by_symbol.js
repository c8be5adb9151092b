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

// The newest of each name, in the order of names: a burst changes what they say, seldom which there are.
class Book {
  #byName = new Map();
  #names = null;
  fill(rows) { this.#byName = new Map(rows.map((row) => [nameOf(row), row])); this.#names = null; }
  take(rows) {
    for (const row of rows) {
      const name = nameOf(row), known = this.#byName.get(name);
      if (known === undefined) this.#names = null;
      if (known === undefined || known.time <= row.time) this.#byName.set(name, row);
    }
  }
  rows(passes) {
    this.#names ??= [...this.#byName.keys()].sort();
    return this.#names.map((name) => this.#byName.get(name)).filter(passes);
  }
  get size() { return this.#byName.size; }
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
