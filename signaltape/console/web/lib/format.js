// Figures and times for people. Times are UTC; instants come as nanoseconds (numbers beyond 2^53 lose only their last digits, far below what is shown).
const pad = (value, width = 2) => String(value).padStart(width, "0");

export function clock(ms) { const at = new Date(ms); return `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`; }
export function day(ns) { const at = new Date(ns / 1e6); return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`; }
export function time(ns) { return ns === null || ns === undefined ? "" : `${day(ns)} ${clock(ns / 1e6)}`; }
// Made once: a format costs more to make than a hundred numbers to write.
const PLAIN = new Intl.NumberFormat("en-US", {maximumFractionDigits: 12});
export function number(value, digits = 5) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value > -1000 && value < 1000 ? String(value) : PLAIN.format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(Math.min(3, digits - 1));
  return PLAIN.format(Number(value.toPrecision(digits)));
}
export function signed(value, digits = 4) { return value === null || value === undefined ? "–" : (value > 0 ? "+" : "") + number(value, digits); }
export function basisPoints(value) { return value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${(1e4 * value).toFixed(2)}`; }
export function percent(value, digits = 1) { return value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`; }
export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond === 0) return "0/s";
  return perSecond < 0.95 ? `${number(60 * perSecond, 2)}/min` : `${number(perSecond, 3)}/s`;
}
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) { value /= 1024; at++; }
  return `${number(value, 3)} ${units[at]}`;
}
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 90) return `${number(seconds, 2)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${number(seconds / 3600, 2)} h`;
  return seconds < 63_072_000 ? `${Math.round(seconds / 86400)} days` : `${number(seconds / 31_557_600, 3)} years`;
}
export function ago(ns, offset = 0) { return ns === null || ns === undefined ? "never" : `${duration(Math.max(0, (Date.now() + offset - ns / 1e6) / 1000))} ago`; }
export function plural(count, one, many = `${one}s`) { return `${number(count)} ${count === 1 ? one : many}`; }
