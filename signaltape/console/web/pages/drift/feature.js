// One feature, or the score: PSI over time, its shape inside the bands of training, and two histograms.
import {html} from "lib/html.js";
import {Badge, Panel, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {TimeChart} from "lib/chart.js";
import {number, percent, plural} from "lib/format.js";
import {middle, sessionDay} from "pages/drift/words.js";

const SHAPES = [["location", "location", "0.5 where nothing moved, towards 1 where values grew"], ["spread", "spread", "grows where values move away from the middle"],
  ["churn", "churn", "0 where a session repeats the one before"]];

export function Feature({about, name}) {
  const found = useResource("drift/feature", {...about, feature: name}, {every: 60_000});
  const score = name === "score";
  return html`<${Panel} title=${score ? "The score" : `Feature ${name}`} note=${score ? "choose a feature above for its own" : null}
      tools=${score ? null : html`<button class="link" onClick=${() => setQuery({feature: null})}>show the score</button>`}>
    <${Shown} resource=${found} what="Loading the feature">${(data) => html`<${Detail} data=${data} score=${score} />`}<//><//>`;
}

function Detail({data, score}) {
  if (!data.sessions.length) return html`<p class="quiet">No session has closed yet.</p>`;
  const times = data.sessions.map(middle), known = data.psi.filter((one) => one !== null), at = data.sessions.length - 1;
  const series = [{name: "PSI", values: data.psi, colour: "--series-1"}];
  if (data.chance.some((one) => one !== null)) series.push({name: "hardly exceeded by chance", values: data.chance, colour: "--faint", dashed: true});
  const newest = data.psi[at] === null ? `insufficient (${number(data.sizes[at])} values: ${data.reasons[at] ?? "too few"})` : number(data.psi[at], 3);
  return html`<div class="grid two">
    <div><h3 class="gap">PSI</h3><${TimeChart} times=${times} series=${series} height=${200} lines=${LINES}
      summary=${`Newest ${newest} of ${number(data.sizes[at])} values; above .25 in ${known.filter((one) => one > 0.25).length} of ${plural(known.length, "session")}${data.ks_p[at] === null || data.ks_p[at] === undefined ? "" : `; KS p ${number(data.ks_p[at], 2)}, as if values were independent`}.`} /></div>
    <div><h3 class="gap">Training sample and now</h3><${Histogram} found=${data.histogram} score=${score} /></div>
    ${score ? null : SHAPES.map(([id, title, about]) => html`<${Shape} key=${id} data=${data} times=${times} id=${id} title=${title} about=${about} />`)}
  </div>
  ${score && data.bands?.reason ? html`<p class="quiet">Bands of its shape: insufficient, ${number(data.bands.n)} of ${number(data.bands.minimum)}: ${data.bands.reason}.</p>` : null}`;
}
const LINES = [{value: 0.1, name: "moved", colour: "--odd"}, {value: 0.25, name: "shifted", colour: "--bad"}];

function Shape({data, times, id, title, about}) {
  const values = data.shape[id] ?? [], band = data.bands?.[id] ?? null, at = values.length - 1;
  if (!values.some((one) => one !== null)) return null;
  const outside = band && values[at] !== null && (values[at] < band[0] || values[at] > band[1]);
  const lines = band ? [{value: band[0], name: "lowest normal", colour: "--good"}, {value: band[1], name: "highest normal", colour: "--good"}] : [];
  return html`<div><h3 class="gap">Shape: ${title} ${outside ? html`<${Badge} kind="odd">outside of its band<//>` : null}</h3>
    <${TimeChart} times=${times} height=${150} series=${[{name: title, values, colour: "--series-4"}]} lines=${lines} range=${range(values, band)}
      summary=${`${about}; newest ${number(values[at], 3)}${band ? `, normal from ${number(band[0], 3)} to ${number(band[1], 3)}` : `, no band: ${data.bands?.reason ?? "no reference"}`}.`} /></div>`;
}
function range(values, band) {
  const all = [...values.filter((one) => one !== null), ...(band ?? [])], low = Math.min(...all), high = Math.max(...all), edge = Math.max(0.02, (high - low) * 0.1);
  return [low - edge, high + edge];
}

function Histogram({found, score}) {
  if (!found) return html`<p class="quiet">${score ? "No session has stored counts of the scores that fit to the training sample." : "The drift agent's last checkpoint holds no counts of this feature, or the model has no reference of it."}</p>`;
  const bins = found.reference.length, top = Math.max(...found.reference, ...found.now, 0.01), W = 480, H = 150, step = W / bins;
  const bar = (value) => Math.max(0, (H - 4) * value / top);
  const name = (index) => index === 0 ? `below ${number(found.edges[0], 3)}` : index === bins - 1 ? `${number(found.edges.at(-1), 3)} and above` : `${number(found.edges[index - 1], 3)} to ${number(found.edges[index], 3)}`;
  const moved = found.reference.map((value, index) => [Math.abs(found.now[index] - value), index]).sort((a, b) => b[0] - a[0])[0];
  return html`<figure class="histogram"><svg viewBox=${`0 0 ${W} ${H + 22}`} role="img" aria-label=${`shares of ${bins} bins in training and now`}>
      ${found.reference.map((value, index) => html`<g key=${index}><title>${`${name(index)}: training ${percent(value)}, now ${percent(found.now[index])}`}</title>
        <rect x=${index * step} y="0" width=${step} height=${H} class="hit" />
        <rect x=${index * step + 2} y=${H - bar(value)} width=${step / 2 - 3} height=${bar(value)} class="reference" />
        <rect x=${index * step + step / 2} y=${H - bar(found.now[index])} width=${step / 2 - 3} height=${bar(found.now[index])} class="now" /></g>`)}
      <line x1="0" x2=${W} y1=${H} y2=${H} class="axis" />
      ${found.edges.map((edge, index) => html`<text key=${index} x=${(index + 1) * step} y=${H + 15} text-anchor="middle">${index % 2 ? "" : number(edge, 2)}</text>`)}</svg>
    <figcaption><i class="swatch reference"></i>training, ${number(found.reference_size)} values <i class="swatch now"></i>now, ${number(found.now_size)} values: ${found.of}${found.session ? ` (${sessionDay(found.session)})` : ""}.
      Bin that changed most: ${name(moved[1])}, ${percent(found.reference[moved[1]])} then, ${percent(found.now[moved[1]])} now.</figcaption></figure>`;
}
