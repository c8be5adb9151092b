// Rows of the tape as objects, and the columns that all tables of signals share.
import {html} from "lib/html.js";
import {basisPoints, number, percent, time} from "lib/format.js";

const SIGNS = {long: "▲", short: "▼", flat: "◆"};
export const DIRECTIONS = ["long", "short", "flat"];

// The server sends arrays in the order of its `columns`; this is the same order.
export function toRow(cells) {
  return {
    n: cells[0], id: cells[1], symbol: cells[2], interval: cells[3], signal: cells[4], score: cells[5], confidence: cells[6], price: cells[7], time: cells[8],
    strategy: cells[9], models: cells[10], horizon: cells[11], scale: cells[12], position: cells[13], expires: cells[14], reason: cells[15],
  };
}
// One signal of a block of an event: what the signals of a bar share is there once, and nothing is copied.
export class Row {
  constructor(block, at) { this.block = block; this.at = at; }
  get n() { return this.block.n[this.at]; }
  get id() { return this.block.id[this.at]; }
  get symbol() { return this.block.symbol[this.at]; }
  get signal() { return this.block.signal[this.at]; }
  get score() { return this.block.score[this.at]; }
  get confidence() { return this.block.confidence[this.at]; }
  get price() { return this.block.price[this.at]; }
  get position() { return this.block.position[this.at]; }
  get interval() { return this.block.shared[0]; }
  get time() { return this.block.shared[1]; }
  get strategy() { return this.block.shared[2]; }
  get models() { return this.block.shared[3]; }
  get horizon() { return this.block.shared[4]; }
  get scale() { return this.block.shared[5]; }
  get expires() { return this.block.shared[6]; }
  get reason() { return this.block.shared[7]; }
}
export function Direction({signal}) { return html`<span class=${`direction ${signal}`}><span aria-hidden="true">${SIGNS[signal] ?? ""}</span> ${signal}</span>`; }

export const COLUMNS = [
  {id: "time", name: "Bar closed (UTC)", width: 190, value: (row) => row.time, cell: (row) => html`<span class="mono">${time(row.time)}</span>`},
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

export const WIDTH = 1080;
// The same filters that the server applies to what is stored, for what comes: a function, because it is asked thousands of times.
export function passer({symbol, strategy, direction, interval, confidence, model}) {
  const tests = [];
  if (symbol?.endsWith("*")) { const beginning = symbol.slice(0, -1); tests.push((row) => row.symbol.startsWith(beginning)); }
  else if (symbol) tests.push((row) => row.symbol === symbol);
  if (strategy) tests.push((row) => row.strategy === strategy);
  if (direction) tests.push((row) => row.signal === direction);
  if (interval) tests.push((row) => row.interval === interval);
  if (confidence) { const least = Number(confidence); tests.push((row) => row.confidence >= least); }
  if (model) tests.push((row) => { const models = row.models.split(", "); return models.includes(model) || models[0].split(":")[0] === model; });  // who leads stands first
  return (row) => { for (const test of tests) if (!test(row)) return false; return true; };
}
export const filterOf = (query) => Object.fromEntries(["symbol", "strategy", "model", "direction", "interval", "confidence"].map((name) => [name, query[name] ?? ""]));
