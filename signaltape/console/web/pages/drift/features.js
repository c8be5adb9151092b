// PSI of every feature over the sessions as a picture; one of them chosen shows its course and its histogram.
import {html, useEffect, useRef, useState} from "lib/html.js";
import {Empty, Panel, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {useTheme} from "lib/theme.js";
import {number} from "lib/format.js";
import {Feature} from "pages/drift/feature.js";
import {sessionDay} from "pages/drift/words.js";

const ROW = 20;
// [least, colour, what it says]; the last column of the table says the number for who sees no colour.
const LEVELS = [[0, "--good-soft", "below .10, stable"], [0.1, "--odd-soft", ".10 to .25, moved"], [0.25, "--series-2", ".25 to 1, shifted"], [1, "--bad", "1 and more"]];
const level = (value) => LEVELS.findLast(([least]) => value >= least) ?? LEVELS[0];

export function Features({about, chosen}) {
  const map = useResource("drift/features", about, {every: 60_000});
  return html`<${Panel} title="Features" note="PSI of each against training; rows with the largest newest one first; choose one for its course">
      <${Shown} resource=${map} what="Loading the features">${(data) => data.features.length ? html`<${Map} data=${data} chosen=${chosen} />`
        : html`<${Empty} title="No feature of this series was measured">Its model needs a reference of its features (<code>signaltape train</code> writes one) and 20 values a session; the set's statistics come when a session closes.<//>`}<//><//>
    <${Feature} key=${chosen ?? "score"} about=${about} name=${chosen ?? "score"} />`;
}

function Map({data, chosen}) {
  const canvas = useRef(null), rows = useRef(null), theme = useTheme();
  const [at, setAt] = useState(null);
  const {features, sessions} = data;
  useEffect(() => {
    const draw = () => paint(canvas.current, features, sessions.length);
    draw();
    const watch = new ResizeObserver(draw);
    if (canvas.current?.parentElement) watch.observe(canvas.current.parentElement);
    return () => watch.disconnect();
  }, [data, theme]);
  const place = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / ROW), column = Math.floor((event.clientX - box.left) / box.width * sessions.length);
    return features[row] && sessions[column] !== undefined ? {row, column} : null;
  };
  const focusRow = (event, number) => {
    const step = {ArrowDown: 1, ArrowUp: -1, Home: -features.length, End: features.length}[event.key];
    if (step === undefined) return;
    event.preventDefault();
    rows.current.children[Math.min(features.length - 1, Math.max(0, number + step))]?.querySelector("button").focus();
  };
  const current = Math.max(0, features.findIndex((one) => one.name === chosen));
  const newest = (one) => { const value = one.psi.findLast((each) => each !== null); return value === undefined ? null : value; };
  return html`<div class="heat">
      <ul class="heat-names" ref=${rows} aria-label="Features">${features.map((one, number_) => html`<li key=${one.name}>
        <button type="button" class="heat-row" aria-pressed=${one.name === chosen ? "true" : "false"} tabindex=${number_ === current ? 0 : -1}
          onKeyDown=${(event) => focusRow(event, number_)} onClick=${() => setQuery({feature: one.name})}
          title=${one.chance === null ? one.name : `${one.name}: chance alone hardly exceeds ${number(one.chance, 2)} with ${number(one.size)} values`}>
          <span class="name">${one.name}</span><span class="value">${newest(one) === null ? "insufficient" : number(newest(one), 3)}</span></button></li>`)}</ul>
      <div class="heat-picture"><canvas ref=${canvas} role="img" aria-label=${`PSI of ${features.length} features over ${sessions.length} sessions; the list beside it gives the newest of each`}
        onMouseMove=${(event) => setAt(place(event))} onMouseLeave=${() => setAt(null)} onClick=${(event) => { const found = place(event); if (found) setQuery({feature: features[found.row].name}); }}></canvas></div>
    </div>
    <p class="heat-legend">${LEVELS.map(([, colour, text], index) => html`<span key=${text}><i class=${`swatch level-${index}`}></i>${text}</span>`)}<span><i class="swatch level-none"></i>insufficient</span></p>
    <p class="quiet heat-readout">${at ? `${features[at.row].name}, session ${sessionDay(sessions[at.column])}: ${features[at.row].psi[at.column] === null ? "insufficient" : `PSI ${number(features[at.row].psi[at.column], 3)}`}`
      : `Sessions ${sessionDay(sessions[0])} to ${sessionDay(sessions.at(-1))}, from left to right${data.truncated ? `; cut to the newest ${number(data.limit)}` : ""}.`}</p>`;
}

function paint(canvas, features, columns) {
  if (!canvas?.parentElement) return;  // the page has gone meanwhile
  const width = Math.max(40, canvas.parentElement.clientWidth), height = features.length * ROW, scale = devicePixelRatio || 1;
  canvas.width = width * scale; canvas.height = height * scale;
  canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d"), look = getComputedStyle(document.documentElement);
  context.scale(scale, scale);
  const cell = width / columns;
  features.forEach((one, row) => one.psi.forEach((value, column) => {
    context.fillStyle = look.getPropertyValue(value === null ? "--sunken" : level(value)[1]).trim();
    context.fillRect(column * cell, row * ROW + 1, Math.max(cell - (cell > 4 ? 1 : 0), 0.5), ROW - 2);
  }));
}
