// Point in time: both sides beside each other, differences marked, and the reason in words.
import {html, Fragment, useEffect, useState} from "lib/html.js";
import {Badge, Empty, Pairs, Panel, Scroll, Segments, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {number, plural, signed, time} from "lib/format.js";
import {SymbolField} from "pages/data/symbols.js";

const KNOWLEDGE = [["ingested", "stored by T"], ["available", "available by T"]];
const QUICK = ["now", "newest", "newest-1h", "newest-1d"];

export function Look({query}) {
  const knowledge = query.knowledge === "available" ? "available" : "ingested";
  const about = {symbol: query.symbol, at: query.at ?? "newest", interval: query.interval, knowledge, set: query.set, close: query.close};
  const known = useResource(query.symbol ? "data/symbols" : null, {q: query.symbol, limit: 50});
  const intervals = known.data?.symbols.find((one) => one.symbol === query.symbol)?.intervals.map((one) => one.interval) ?? [];
  const found = useResource(query.symbol ? "data/look" : null, about);
  const interval = query.interval ?? found.data?.interval ?? "";
  return html`<${Panel} title="Which symbol, when">
      <div class="filters">
        <${SymbolField} label="Symbol" value=${query.symbol} onChoose=${(symbol) => setQuery({symbol, close: null, interval: null})} />
        <${TimeField} value=${query.at ?? "newest"} onChoose=${(at) => setQuery({at: at === "newest" ? null : at, close: null})} />
        ${intervals.length > 1 ? html`<label class="field">Bars of<select value=${interval} onChange=${(event) => setQuery({interval: event.target.value, close: null})}>${intervals.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>` : null}
        <div class="field-like"><span>What counts as known</span><${Segments} label="What counts as known" options=${KNOWLEDGE} value=${knowledge} onChange=${(value) => setQuery({knowledge: value === "ingested" ? null : value, close: null})} /></div>
      </div>
      <p class="quiet hint">Times: <code>2024-01-02T21:00:00Z</code>, <code>-15m</code>, <code>now-2h</code>, <code>newest-1d</code>. <b>Stored by T</b> is what this store held: right for what ran live. <b>Available by T</b> is what the world could know, whenever it was stored: right for history that was loaded later.</p><//>
    ${query.symbol ? html`<${Shown} resource=${found} what="Looking">${(data) => html`<div class="grid"><${Head} data=${data} /><${Bars} data=${data} /><${Vectors} data=${data} /></div>`}<//>`
      : html`<${Panel}><${Empty} title="Choose a symbol">Its bars and features at a time, as they were known then and as they are known now. The same in a shell: <code>signaltape features get --symbols S --as-of T</code>.<//><//>`}`;
}

function TimeField({value, onChoose}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const submit = (event) => { event.preventDefault(); if (text.trim()) onChoose(text.trim()); };
  return html`<form class="time-field" onSubmit=${submit}><label class="field">T, in UTC or with a zone<input value=${text} maxlength="60" spellcheck=${false} onInput=${(event) => setText(event.target.value)} onBlur=${(event) => { if (event.relatedTarget === null && text.trim() && text.trim() !== value) onChoose(text.trim()); }} /></label>
    <button>Look</button><div class="quick" role="group" aria-label="Times to choose">${QUICK.map((one) => html`<button key=${one} type="button" class="link" onClick=${() => onChoose(one)}>${one}</button>`)}</div></form>`;
}

function Head({data}) {
  const before = data.first_close !== null && data.at < data.first_close;
  const nothing = data.bars.every((one) => one.then === null);
  return html`<${Panel}><div class="look-head">
    <h2><bdi>${data.symbol}</bdi> at ${time(data.at)} UTC</h2>
    ${data.future ? html`<div class="banner" role="status">T lies ahead: nobody knows yet what will be known then. Shown is now, ${time(data.now)} UTC.</div>` : null}
    ${before ? html`<div class="banner" role="status">T is before the first stored bar of ${data.interval}, which closed at ${time(data.first_close)} UTC.</div>` : null}
    ${!before && nothing && data.bars.length ? html`<div class="banner" role="status"><span>Nothing of these bars was ${data.knowledge === "ingested" ? "stored" : "available"} by T.${data.knowledge === "ingested" ? " They were loaded or replayed later: what the world could know is the other view." : ""}</span>
      ${data.knowledge === "ingested" ? html`<button onClick=${() => setQuery({knowledge: "available"})}>Show what was available by T</button>` : null}</div>` : null}
    ${data.knowledge === "ingested" && !data.final ? html`<p class="quiet">Not final: a transaction that is still open may add to what was known at T.</p>` : null}</div><//>`;
}

function Bars({data}) {
  if (!data.bars.length) return html`<${Panel} title="Bars"><${Empty} title="There is no bar at or before T">The first stored bar of ${data.interval} closed at ${time(data.first_close)} UTC.<//><//>`;
  const cell = (row, name) => {
    const then = row.then?.[name], now = row.now?.[name], differs = row.changed.includes(name);
    return html`<td class=${`number ${differs ? "differs" : ""}`}>${row.then === null ? "–" : number(then, 8)}</td><td class=${`number now ${differs || row.then === null ? "differs" : ""}`}>${row.now === null ? "–" : number(now, 8)}</td>`;
  };
  return html`<${Panel} title="Bars" note="the newest closes at or before T; a close is chosen for its features" flush>
    <${Scroll}><table class="both" aria-label="Bars as they were known at T and as they are known now">
      <thead><tr><th scope="col" rowspan="2">Close, UTC</th>${["Open", "High", "Low", "Close", "Volume"].map((one) => html`<th key=${one} scope="colgroup" colspan="2" class="pair">${one}</th>`)}<th scope="col" rowspan="2">Revision</th><th scope="col" rowspan="2">Known since</th></tr>
        <tr>${[0, 1, 2, 3, 4].map((one) => html`<th key=${`t${one}`} scope="col" class="number">at T</th><th key=${`n${one}`} scope="col" class="number now">now</th>`)}</tr></thead>
      <tbody>${data.bars.map((row) => html`<${Fragment} key=${row.close_text}><tr class=${`${row.close_text === data.close_text ? "chosen" : ""} ${row.why ? "told" : ""}`}>
        <td><button class="link" aria-pressed=${row.close_text === data.close_text ? "true" : "false"} onClick=${() => setQuery({close: row.close_text})}>${time(row.close_time)}</button></td>
        ${["open", "high", "low", "close", "volume"].map((name) => cell(row, name))}
        <td>${row.then === null ? "none" : row.then.revision} → ${row.now === null ? "none" : row.now.revision}${(row.now ?? row.then)?.marks.length ? html` <${Badge} kind="odd">${(row.now ?? row.then).marks.join(", ").replaceAll("_", " ")}<//>` : null}</td>
        <td class="since" title=${`source ${row.now?.source ?? row.then?.source ?? "not known"}, feed ${row.now?.feed ?? row.then?.feed ?? "not known"}`}>${row.now === null ? "" : time(Math.max(row.now.available_time, row.now.ingest_time))}</td></tr>
        ${row.why ? html`<tr class="why"><td colspan="13">${row.why}</td></tr>` : null}<//>`)}</tbody></table><//><//>`;
}

function Vectors({data}) {
  const {features, close} = data;
  if (close === null) return html`<${Panel} title="Features"><${Empty} title="There is no vector at or before T">Features begin once a symbol has had enough bars (warm-up): <code>signaltape features list</code>.<//><//>`;
  const side = (one) => one === null ? html`<span class="quiet">nothing was known</span>` : html`${one.kind}, available ${time(one.available_time)}, stored ${time(one.ingest_time)}<div class="quiet mono">log offset ${number(one.offset)}, revision ${one.revision}</div>`;
  return html`<${Panel} title=${`Features of the close ${time(close)}`} note=${`${data.feature_set} version ${data.set_version}, ${plural(features.revisions, "stored row")}`}>
    ${data.known_close !== null && data.newest_close !== null && data.known_close !== data.newest_close ? html`<p class="quiet">The newest vector known at T was that of ${time(data.known_close)}; now that of ${time(data.newest_close)} is known as well.</p>` : null}
    <${Pairs} rows=${[["at T", side(features.then)], ["now", side(features.now)], ["difference", features.why === "" ? "none: the same row" : `${features.then && features.now ? `${plural(features.changed, "value")} of ${features.values.length}: ` : ""}${features.why}`]]} />
    ${features.values.length && (features.then || features.now) ? html`<div class="feature-grid"><table aria-label="Features at T and now"><thead><tr><th scope="col">Feature</th><th scope="col" class="number">at T</th><th scope="col" class="number">now</th><th scope="col" class="number">difference</th></tr></thead>
      <tbody>${features.values.map((one) => { const differs = features.then !== null && one.changed; return html`<tr key=${one.name} class=${differs ? "changed" : ""}><td class="mono">${one.name}</td>
        <td class="number">${features.then === null ? "–" : one.then === null ? "undefined" : number(one.then, 10)}</td><td class=${`number ${differs ? "differs" : ""}`}>${features.now === null ? "–" : one.now === null ? "undefined" : number(one.now, 10)}</td>
        <td class="number">${differs ? one.then === null || one.now === null ? "changed" : signed(one.now - one.then, 4) : ""}</td></tr>`; })}</tbody></table></div>` : null}<//>`;
}
