// Figures of a backtest as text: shares in percent, none with its reason.
import {html} from "lib/html.js";
import {number, signed} from "lib/format.js";

const SIGNED = new Set(["total_return", "annual_return", "sharpe", "sortino", "information_coefficient", "information_coefficient_mean"]);
export function figureText(name, found) {
  if (!found || found.value === null || found.value === undefined) return null;
  const {value, unit} = found;
  if (name === "max_drawdown") return `−${(100 * value).toFixed(2)} %`;
  if (unit.startsWith("share")) return `${SIGNED.has(name) && value > 0 ? "+" : ""}${(100 * value).toFixed(2)} %`;
  if (unit === "currency") return number(Math.round(value));
  if (unit === "ratio") return SIGNED.has(name) ? signed(value, 3) : number(value, 3);
  return number(value, 4);
}
export function FigureCell({name, found}) {
  const text = figureText(name, found);
  if (text === null) return html`<span class="insufficient" title=${found?.reason ?? "not in the result"}>insufficient</span>`;
  return text;
}
export function lacks(found) {
  if (!found) return "not in the result";
  return `${found.reason ?? "no reason given"}${found.n === undefined ? "" : `: ${number(found.n)} of ${number(found.minimum)}`}`;
}
