// The newest signal of each symbol and interval; five thousand rows, of which only those in sight are elements.
import {html, useMemo, useRef, useState} from "lib/html.js";
import {ago, number, plural} from "lib/format.js";
import {go} from "lib/router.js";
import {Badge, Empty, Failure, Loading, Panel} from "lib/parts.js";
import {Table} from "lib/table.js";
import {useConnection, useNow} from "lib/live.js";
import {COLUMNS, WIDTH, DIRECTIONS, filterOf, passes} from "pages/signals/rows.js";
import {useFeed} from "pages/signals/feed.js";
import {Filters} from "pages/signals/filters.js";
import {Faults} from "pages/signals/tape.js";

const RENEWED_MS = 5_000;  // ages, and whether a signal still holds, where none comes
const nameOf = (row) => `${row.symbol}\u0000${row.interval}`;

export function BySymbol({query}) {
  const newest = useRef(new Map());
  const [version, setVersion] = useState(0);
  const counted = useRef(0);
  const {offset} = useConnection();
  const feed = useFeed("signals/symbols", {},
    (data) => { newest.current = new Map(data.rows.map((row) => [nameOf(row), row])); setVersion((count) => count + 1); },
    (fresh) => {
      for (const row of fresh) {
        const known = newest.current.get(nameOf(row));
        if (!known || known.time <= row.time) newest.current.set(nameOf(row), row);
      }
      counted.current++;
    });
  const filter = filterOf(query), now = useNow(RENEWED_MS);
  const rows = useMemo(() => [...newest.current.values()].filter((row) => passes(row, filter)), [version, counted.current, JSON.stringify(filter)]);
  const columns = useMemo(() => [...COLUMNS.slice(1, 8), {id: "time", name: "Age", width: 128, number: true, value: (row) => row.time, cell: (row) => html`<span title=${new Date(row.time / 1e6).toISOString()}>${ago(row.time, offset)}</span>`},
    {id: "holds", name: "Holds", width: 118, value: (row) => row.expires, cell: (row) => row.expires / 1e6 > Date.now() + offset ? html`<${Badge} kind="good">yes<//>` : html`<${Badge}>expired<//>`}, ...COLUMNS.slice(8)], [offset]);
  const sides = DIRECTIONS.map((side) => `${number(rows.filter((row) => row.signal === side).length)} ${side}`).join(", ");
  const holding = rows.filter((row) => row.expires / 1e6 > now).length;
  return html`<${Panel} label="Filters" flush><div class="inset"><${Filters} query=${query} /></div><//>
    <${Panel} title="Newest signal of each symbol" flush note=${feed.loading || feed.failed ? "" : `${plural(rows.length, "row")}: ${sides}; ${number(holding)} still hold${feed.truncated ? `; the first ${number(feed.limit)} by name` : ""}`}>
      <${Faults} feed=${feed} />
      ${feed.loading ? html`<${Loading} what="Reading the newest signals" />` : feed.failed ? html`<${Failure} error=${feed.error} retry=${feed.reload} />` :
        rows.length === 0 ? html`<${Empty} title=${newest.current.size ? "No signal passes these filters" : "No signal was sent yet"}>Signals appear once bars flow and a model is live.<//>` :
        html`<${Table} label="The newest signal of each symbol. Arrow keys move, Enter opens the explanation." columns=${columns} rows=${rows} keyOf=${nameOf} height=${640} minWidth=${WIDTH}
          sort=${{id: "symbol", down: false}} onChoose=${(row) => go(`/console/signals/${encodeURIComponent(row.id)}`)} />`}
    <//>`;
}
