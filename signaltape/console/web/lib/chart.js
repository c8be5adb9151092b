// Curves over time (uPlot), in the colours of the theme; what they say also stands in words for who can't see them.
import uPlot from "uplot";
import {html, useEffect, useRef} from "lib/html.js";
import {useTheme} from "lib/theme.js";
import {number} from "lib/format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// times: ns UTC, ascending. series: [{name, values (null: a gap), colour = "--series-1", dashed, points, width, fill}].
// bands: [[upper, lower]] indices of series whose area between is filled. marks: [{at (ns), name, colour, dashed}] vertical lines.
// lines: [{value, name, colour}] horizontal ones. summary: the text that stands for the picture.
export function TimeChart({times, series, bands = [], marks = [], lines = [], height = 220, unit = "", summary, range}) {
  const box = useRef(null), plot = useRef(null);
  const theme = useTheme();
  const shape = JSON.stringify([series.map((one) => [one.name, one.colour, one.dashed, one.points]), bands, height, theme, unit]);
  const extra = useRef({});
  extra.current = {marks, lines};
  const data = () => [times.map((ns) => ns / 1e9), ...series.map((one) => one.values)];
  useEffect(() => {
    const width = () => Math.max(120, box.current?.clientWidth ?? 0);
    plot.current = new uPlot(options(series, bands, height, width(), unit, range, extra), data(), box.current);
    const watch = new ResizeObserver(() => plot.current?.setSize({width: width(), height}));
    watch.observe(box.current);
    return () => { watch.disconnect(); plot.current.destroy(); plot.current = null; };
  }, [shape]);
  useEffect(() => { plot.current?.setData(data()); }, [times, series, marks, lines]);
  return html`<figure><div class="chart" ref=${box} role="img" aria-label=${summary}></div>${summary ? html`<figcaption>${summary}</figcaption>` : null}</figure>`;
}

function options(series, bands, height, width, unit, range, extra) {
  const axis = {stroke: colour("--quiet"), grid: {stroke: colour("--line"), width: 1}, ticks: {stroke: colour("--line"), width: 1}, font: "12px system-ui, sans-serif"};
  return {
    width, height, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    cursor: {drag: {x: true, y: false}, points: {size: 6}},
    legend: {live: true},
    scales: {x: {time: true}, y: range ? {range} : {}},
    axes: [{...axis, space: 70, values: ticks}, {...axis, size: 62, values: (_, values) => values.map((one) => number(one, 4) + unit)}],
    series: [{value: (_, seconds) => seconds === null ? "–" : new Date(seconds * 1e3).toISOString().replace("T", " ").slice(0, 19)},
      ...series.map((one) => ({
        label: one.name, stroke: colour(one.colour ?? "--series-1"), width: one.width ?? 1.6, dash: one.dashed ? [5, 4] : undefined,
        points: one.points === "only" ? {show: true, size: 8, fill: colour(one.colour ?? "--series-1")} : {show: one.points ?? undefined, size: 5}, paths: one.points === "only" ? () => null : undefined, spanGaps: false,
        value: (_, value) => value === null || value === undefined ? "–" : number(value, 5) + unit,
      }))],
    bands: bands.map(([upper, lower]) => ({series: [upper + 1, lower + 1], fill: colour(series[upper].colour ?? "--series-1") + "22"})),
    hooks: {draw: [(plot) => decorate(plot, extra.current)]},
  };
}

// Times of the axis: UTC, 24 hours; the date where a day begins, or alone where steps are days.
function ticks(plot, splits, axis, space, step) {
  let before = "";
  return splits.map((seconds) => {
    const text = new Date(seconds * 1e3).toISOString(), day = text.slice(0, 10), hour = text.slice(11, step < 60 ? 19 : 16);
    const fresh = day !== before;
    before = day;
    return step >= 86_400 ? (fresh && (splits.length > 12 || step < 86_400 * 200) ? day.slice(2) : day.slice(0, 7)) : fresh ? `${hour}\n${day}` : hour;
  });
}

function decorate(plot, {marks, lines}) {
  const {ctx, bbox} = plot;
  ctx.save();
  ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";  // the axes leave theirs
  const named = [];  // heights of names: one that would lie on another is left out
  for (const one of lines) {
    const y = plot.valToPos(one.value, "y", true);
    stroke(ctx, colour(one.colour ?? "--odd"), [4, 4], bbox.left, y, bbox.left + bbox.width, y);
    if (!one.name || named.some((other) => Math.abs(other - y) < 13 * devicePixelRatio)) continue;
    named.push(y);
    ctx.fillText(one.name, bbox.left + 6, y - 4);
  }
  marks.forEach((one, index) => {
    const x = plot.valToPos(one.at / 1e9, "x", true), right = bbox.left + bbox.width;
    stroke(ctx, colour(one.colour ?? "--bad"), one.dashed ? [3, 3] : [], x, bbox.top, x, bbox.top + bbox.height);
    if (!one.name) return;
    // Names of marks that lie close stand below each other, and to the left where there is no room on the right.
    const wide = ctx.measureText(one.name).width + 6;
    ctx.fillText(one.name, x + wide > right ? x - wide : x + 4, bbox.top + (12 + 14 * (index % 4)) * devicePixelRatio);
  });
  ctx.restore();
}
function stroke(ctx, style, dash, x0, y0, x1, y1) {
  ctx.strokeStyle = ctx.fillStyle = style; ctx.lineWidth = devicePixelRatio; ctx.setLineDash(dash);
  ctx.beginPath(); ctx.moveTo(x0, y0); ctx.lineTo(x1, y1); ctx.stroke();
}
