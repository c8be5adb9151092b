// A table of any length: only the rows in sight are elements, so five thousand cost as much as fifty.
import {Component, h, html, useEffect, useLayoutEffect, useMemo, useRef, useState} from "lib/html.js";
import {Scroll} from "lib/parts.js";

const ROW = 30, BEYOND = 12;
let tables = 0;

// columns: [{id, name, width?, number?, value(row) (what is sorted by), cell?(row) (what is shown), sortable = true}]
// minWidth: pixels below which the table is scrolled sideways. rows are told apart by keyOf(row). onChoose makes rows choosable: click, or arrow keys and Enter.
// One with choosable rows is a grid: it has the focus, and says which of its rows is meant, so that a screen reader reads it.
// A row is drawn again only where it is another object, or the columns are: what changes in place must come as a new one.
export function Table({columns, rows, keyOf, height = 420, sort: initial = null, chosen = null, onChoose = null, label, minWidth = 0}) {
  const [sort, setSort] = useState(initial);
  const [top, setTop] = useState(0);
  const [at, setAt] = useState(0);
  const box = useRef(null);
  const [name] = useState(() => `table${tables += 1}`);
  const sorted = useMemo(() => sort === null ? rows : order(rows, columns.find((one) => one.id === sort.id), sort.down), [rows, sort]);
  const size = Math.min(height, (sorted.length + 1) * ROW + 8);
  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(sorted.length, Math.ceil((top + height) / ROW) + BEYOND);
  useLayoutEffect(() => { if (box.current) box.current.style.height = `${size}px`; }, [size]);
  useEffect(() => { if (at >= sorted.length) setAt(Math.max(0, sorted.length - 1)); }, [sorted.length]);
  const keys = (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -sorted.length, End: sorted.length}[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.min(sorted.length - 1, Math.max(0, at + step));
      setAt(next);
      const line = next * ROW, view = box.current;
      if (line < view.scrollTop) view.scrollTop = line; else if (line > view.scrollTop + height - 3 * ROW) view.scrollTop = line - height + 3 * ROW;
    } else if ((event.key === "Enter" || event.key === " ") && event.target === event.currentTarget && sorted[at]) { event.preventDefault(); onChoose(sorted[at]); }
  };
  const clicked = (event) => {
    const number = Number(event.target.closest("tr")?.getAttribute("aria-rowindex")) - 2;
    if (sorted[number]) { setAt(number); onChoose(sorted[number]); }
  };
  const heads = useMemo(() => html`<colgroup>${columns.map((one) => html`<col key=${one.id} width=${one.width} />`)}</colgroup>
      <thead><tr aria-rowindex="1">${columns.map((one) => html`<${Head} key=${one.id} column=${one} sort=${sort} onSort=${setSort} />`)}</tr></thead>`, [columns, sort]);
  const meant = at >= first && at < last ? `${name}-${at}` : undefined;  // one out of sight is no element yet
  const place = {tabindex: "0", "aria-label": label};
  const [outer, inner] = onChoose ? [{}, {...place, role: "grid", "aria-activedescendant": meant, onKeyDown: keys}] : [{...place, role: "region"}, {}];
  return html`<div class="virtual" ref=${box} onScroll=${(event) => setTop(event.currentTarget.scrollTop)} ...${outer}>
    <table aria-rowcount=${sorted.length + 1} ...${inner} style=${{minWidth: `${minWidth || least(columns)}px`}}>
      ${heads}
      <tbody onClick=${onChoose ? clicked : undefined}>
        ${first > 0 ? html`<tr class="spacer" aria-hidden="true"><td colspan=${columns.length} style=${{height: `${first * ROW}px`}}></td></tr>` : null}
        ${sorted.slice(first, last).map((row, index) => {
          const number = first + index;  // also the element's key: a row that moves costs new words, and no new elements
          return h(Line, {key: number, row, number, columns, ...(onChoose ? {id: `${name}-${number}`, meant: number === at, selected: chosen === null ? number === at : keyOf(row) === chosen} : {})});
        })}
        ${last < sorted.length ? html`<tr class="spacer" aria-hidden="true"><td colspan=${columns.length} style=${{height: `${(sorted.length - last) * ROW}px`}}></td></tr>` : null}
      </tbody></table></div>`;
}

class Line extends Component {
  shouldComponentUpdate(next) {
    const now = this.props;
    return next.row !== now.row || next.number !== now.number || next.selected !== now.selected || next.meant !== now.meant || next.columns !== now.columns;
  }
  render({row, number, columns, id, meant, selected}) {
    const choosable = selected !== undefined;
    return h("tr", {id, "aria-rowindex": number + 2, class: choosable ? `choosable ${meant ? "meant" : ""}` : "", "aria-selected": choosable ? String(selected) : undefined},
      columns.map((one) => h("td", {class: one.number ? "number" : ""}, one.cell ? one.cell(row) : one.value(row))));
  }
}

// Narrower than this, the table scrolls sideways; a column without a width takes what is left, and needs some.
const least = (columns) => columns.reduce((sum, one) => sum + (one.width ?? 110), 0);

function Head({column, sort, onSort}) {
  const mine = sort?.id === column.id;
  const state = mine ? (sort.down ? "descending" : "ascending") : undefined;
  if (column.sortable === false) return html`<th scope="col" class=${column.number ? "number" : ""}>${column.name}</th>`;
  return html`<th scope="col" class=${column.number ? "number" : ""} aria-sort=${state}><button type="button" class="sort"
    onClick=${() => onSort({id: column.id, down: mine ? !sort.down : Boolean(column.number)})}>${column.name}${mine ? (sort.down ? " ▾" : " ▴") : ""}</button></th>`;
}
// What is sorted by is asked once a row, and rows that stand in order already cost one comparison each.
function order(rows, column, down) {
  const missing = (value) => value === null || value === undefined;
  const sign = down ? -1 : 1, values = rows.map(column.value);
  return Array.from(rows.keys()).sort((left, right) => {
    const a = values[left], b = values[right];
    if (missing(a) || missing(b)) return missing(a) - missing(b);  // nothing known stands last, whatever the order
    return sign * (a < b ? -1 : a > b ? 1 : 0);
  }).map((at) => rows[at]);
}
// A short table, all rows there.
export function SmallTable({columns, rows, keyOf, label}) {
  return html`<${Scroll}><table aria-label=${label}><thead><tr>${columns.map((one) => html`<th scope="col" key=${one.id} class=${one.number ? "number" : ""}>${one.name}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${keyOf(row)}>${columns.map((one) => html`<td key=${one.id} class=${one.number ? "number" : ""}>${one.cell ? one.cell(row) : one.value(row)}</td>`)}</tr>`)}</tbody></table><//>`;
}
