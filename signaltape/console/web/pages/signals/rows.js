// Rows of the tape as objects, and the columns that all tables of signals share.
import {html} from "lib/html.js";
import {basisPoints, number, percent, time} from "lib/format.js";

const SIGNS = {long: "▲", short: "▼", flat: "◆"};
export const DIRECTIONS = ["long", "short", "flat"];

// The server sends arrays in the order of its `columns`; this is the same order.
export function toRow(cells) {
  const [n, id, symbol, interval, signal, score, confidence, price, at, strategy, models, horizon, scale, position, expires, reason] = cells;
  return {n, id, symbol, interval, signal, score, confidence, price, time: at, strategy, models, horizon, scale, position, expires, reason};
}
export function Direction({signal}) { return html`<span class=${`direction ${signal}`}><span aria-hidden="true">${SIGNS[signal] ?? ""}</span> ${signal}</span>`; }

export const COLUMNS = [
  {id: "time", name: "Bar closed (UTC)", width: 172, value: (row) => row.time, cell: (row) => html`<span class="mono">${time(row.time)}</span>`},
  {id: "symbol", name: "Symbol", width: 120, value: (row) => row.symbol, cell: (row) => html`<bdi title=${row.symbol}>${row.symbol}</bdi>`},
  {id: "interval", name: "Interval", width: 78, value: (row) => row.interval},
  {id: "signal", name: "Signal", width: 85, value: (row) => row.signal, cell: (row) => html`<${Direction} signal=${row.signal} />`},
  {id: "score", name: "Score (bp)", width: 95, number: true, value: (row) => row.score, cell: (row) => basisPoints(row.score)},
  {id: "confidence", name: "Confidence", width: 105, number: true, value: (row) => row.confidence, cell: (row) => row.reason === "fallback" ? "fallback" : percent(row.confidence)},
  {id: "price", name: "Price", width: 95, number: true, value: (row) => row.price, cell: (row) => number(row.price, 6)},
  {id: "position", name: "Suggested", width: 102, number: true, value: (row) => row.position, cell: (row) => percent(row.position)},
  {id: "strategy", name: "Strategy", width: 100, value: (row) => row.strategy, cell: (row) => html`<bdi title=${row.strategy}>${row.strategy}</bdi>`},
  {id: "models", name: "Models", value: (row) => row.models, cell: (row) => html`<bdi title=${row.models}>${row.models}</bdi>`},
];

export const WIDTH = 1000;
// The same filters that the server applies to what is stored, for what comes.
export function passes(row, query) {
  const symbol = query.symbol ?? "";
  if (symbol && (symbol.endsWith("*") ? !row.symbol.startsWith(symbol.slice(0, -1)) : row.symbol !== symbol)) return false;
  if (query.strategy && row.strategy !== query.strategy) return false;
  if (query.direction && row.signal !== query.direction) return false;
  if (query.interval && row.interval !== query.interval) return false;
  if (query.confidence && row.confidence < Number(query.confidence)) return false;
  const models = row.models.split(", ");  // who leads stands first
  if (query.model && !models.includes(query.model) && models[0].split(":")[0] !== query.model) return false;
  return true;
}
export const filterOf = (query) => Object.fromEntries(["symbol", "strategy", "model", "direction", "interval", "confidence"].map((name) => [name, query[name] ?? ""]));
