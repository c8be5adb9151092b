// The pipeline drawn: services as boxes with their state, topics as the lines between them.
import {html} from "lib/html.js";
import {number, plural, rate} from "lib/format.js";

const WIDE = 132, HIGH = 58;
const BOXES = {
  ingest: [210, 30, "ingest"], features: [430, 30, "feature agent"], inference: [670, 30, "inference"], store: [670, 142, "store"],
  drift: [430, 254, "drift agent"], responder: [670, 254, "responder"],
};
const OUTSIDE = {feeds: [10, 30, "feeds, SDK"], gateways: [930, 30, "gateways"], tables: [930, 142, "TimescaleDB"], sinks: [930, 254, "alert sinks"]};
// [topic, rate's name, path, x and y of the words, anchor]
const LINES = [
  ["bars-in", "bars_in", "M142 50H210", 176, 44, "middle"],
  ["bars", "bars", "M342 59H430", 386, 52, "middle"],
  ["bars", null, "M76 88V112H496V88", 286, 106, "middle"],
  ["features", "features", "M562 59H670", 616, 52, "middle"],
  ["signals", "signals", "M802 59H930", 866, 52, "middle"],
  ["predictions, signals", "predictions", "M736 88V142", 744, 119, "start"],
  ["rows", "rows", "M802 171H930", 866, 164, "middle"],
  ["returns", "returns", "M470 112V254", 462, 190, "end"],
  ["predictions", null, "M690 88V118H600V226H536V254", 592, 216, "end"],
  ["alerts", "alerts", "M562 283H670", 616, 276, "middle"],
  ["deliveries", null, "M802 283H930", 866, 276, "middle"],
];
const KINDS = {ready: "good", "not ready": "odd", silent: "bad", down: "bad", absent: "none"};
const SIGNS = {good: "●", odd: "▲", bad: "■", none: "○"};

function Box({x, y, name, node}) {
  const kind = KINDS[node.state];
  const state = node.state === "absent" ? "does not run" : node.instances > 1 ? `${node.ready} of ${node.instances} ready` : node.state;
  return html`<g class=${`box ${kind}`}><rect x=${x} y=${y} width=${WIDE} height=${HIGH} rx="6" /><rect class="strip" x=${x} y=${y} width="5" height=${HIGH} rx="2" />
    <text class="name" x=${x + 15} y=${y + 19}>${name}</text><text class="state" x=${x + 15} y=${y + 35}>${SIGNS[kind]} ${state}</text>
    <text class="waiting" x=${x + 15} y=${y + 50}>${node.instances && node.state !== "absent" ? node.waiting ? `${number(node.waiting)} wait` : "nothing waits" : ""}</text></g>`;
}
export function Picture({data}) {
  const words = Object.entries(BOXES).map(([id, [, , name]]) => `${name} ${data.nodes[id].state === "absent" ? "does not run" : `${data.nodes[id].state}, ${plural(data.nodes[id].waiting, "message")} before it`}`).join("; ");
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Picture of the pipeline; scroll sideways where it is cut"><svg class="pipeline" viewBox="0 0 1072 330" role="img" aria-label=${`Feeds to ingest to feature agent to inference to gateways; store, drift agent and responder beside them. ${words}.`}>
    <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" /></marker></defs>
    ${LINES.map(([topic, of, path, x, y, anchor], at) => {
      const per = of === null ? null : data.figures.rates[of];
      return html`<g class=${per ? "line moving" : "line"} key=${at}><path d=${path} marker-end="url(#tip)" /><text x=${x} y=${y} text-anchor=${anchor}>${topic}</text>
        ${per ? html`<text class="rate" x=${x} y=${y + (path.includes("V142") ? 14 : 22)} text-anchor=${anchor}>${rate(per)}</text>` : null}</g>`;
    })}
    ${Object.entries(OUTSIDE).map(([id, [x, y, name]]) => html`<g class="outside" key=${id}><rect x=${x} y=${y} width=${WIDE} height=${HIGH} rx="6" /><text x=${x + WIDE / 2} y=${y + 34} text-anchor="middle">${name}</text></g>`)}
    ${Object.entries(BOXES).map(([id, [x, y, name]]) => html`<${Box} key=${id} x=${x} y=${y} name=${name} node=${data.nodes[id]} />`)}
  </svg></div>`;
}
