// Drift: what the drift agent measured of each series, session by session; the same numbers as `signaltape drift report`.
import {html, useEffect} from "lib/html.js";
import {Empty, PageHead, Panel, Segments, Shown} from "lib/parts.js";
import {useResource} from "lib/resource.js";
import {setQuery} from "lib/router.js";
import {number, plural} from "lib/format.js";
import {Alerts} from "pages/drift/alerts.js";
import {Charts} from "pages/drift/charts.js";
import {Features} from "pages/drift/features.js";
import {Maturity} from "pages/drift/maturity.js";
import {Policy} from "pages/drift/policy.js";
import {SeriesTable} from "pages/drift/series.js";
import {Sessions} from "pages/drift/sessions.js";
import {FIGURES, Reading, sessionDay} from "pages/drift/words.js";

const RENEWED_MS = 30_000;
const DAYS = [["20", "20"], ["60", "60"], ["120", "120"], ["250", "250"], ["1000", "1,000"]];

export default function Page({query}) {
  const days = /^[1-9]\d{0,5}$/.test(query.days ?? "") ? query.days : "60";
  const list = useResource("drift/series", {}, {every: RENEWED_MS});
  const all = list.data?.series ?? [];
  const chosen = all.find((one) => one.strategy === query.strategy && one.subject === query.subject) ?? null;
  const first = [...all].sort((a, b) => (b.newest_alert ?? 0) - (a.newest_alert ?? 0))[0] ?? null;
  const asked = query.strategy !== undefined && query.subject !== undefined;
  const shown = chosen ?? (asked ? null : first);
  return html`<${PageHead} title="Drift" lead="What each model's scores and inputs did, session by session, against what they did in training. A session is a UTC day; it is measured once it has closed on every partition.">
    <${Segments} label="Sessions shown" options=${DAYS} value=${days} onChange=${(value) => setQuery({days: value === "60" ? null : value})} /><span class="quiet">sessions</span><//>
  <${Panel} title="Series" note=${list.data ? `${plural(all.length, "series", "series")} of a strategy, a model and a role` : null} flush=${all.length > 0}>
    <${Shown} resource=${list} what="Loading the series" empty=${{when: (data) => data.series.length === 0, title: "Nothing has been measured yet",
      text: html`A session is measured once it has closed on every partition, and needs 20 names. Is the drift agent running? <code>signaltape run drift</code>; <code>signaltape drift report</code> shows the same.`}}>
      ${(data) => html`<${SeriesTable} rows=${data.series} chosen=${shown} truncated=${data.truncated} limit=${data.limit} />`}<//><//>
  ${asked && !chosen && list.data ? html`<${Panel}><${Empty} title="There is no such series">Nothing was measured of <code>${query.subject}</code> in strategy <code>${query.strategy}</code>. Choose one of the list.<//><//>` : null}
  ${shown ? html`<${One} key=${`${shown.strategy} ${shown.subject}`} series=${shown} days=${days} query=${query} />` : null}
  <${Alerts} strategy=${query.only === "all" ? "" : shown?.strategy ?? ""} query=${query} />
  <${Maturity} /><${Policy} />`;
}

function One({series, days, query}) {
  const about = {strategy: series.strategy, subject: series.subject, days};
  const course = useResource("drift/course", about, {every: RENEWED_MS});
  useEffect(() => { if (query.strategy !== series.strategy || query.subject !== series.subject) setQuery({strategy: series.strategy, subject: series.subject}); }, [series]);
  return html`<${Panel} title=${`${series.strategy} · ${series.model} · ${series.role}`} note=${`bars of ${series.interval}, horizon ${plural(series.horizon, "bar")}`}>
      <${Shown} resource=${course} what="Loading the figures">${(data) => html`<${Newest} data=${data} />`}<//><//>
    <${Shown} resource=${course} what="Loading the courses">${(data) => data.sessions.length ? html`<div class="grid"><${Charts} data=${data} /><${Sessions} data=${data} /></div>` : null}<//>
    <${Features} about=${about} chosen=${query.feature} />`;
}

function Newest({data}) {
  const at = data.sessions.length - 1;
  if (at < 0) return html`<${Empty} title="No session of this series has closed yet">It is measured when every partition has released its day: <code>signaltape status</code> shows what lags.<//>`;
  return html`<p class="quiet newest">Newest session ${sessionDay(data.sessions[at])}; ${plural(data.sessions.length, "session")} shown${data.truncated ? `, cut at ${number(data.limit)}` : ""}${data.revised ? `; the IC of ${plural(data.revised, "session")} was revised after corrections of labels` : ""}.</p>
    <dl class="figures drift-figures">${FIGURES.map(([id, name, form]) => html`<${Reading} key=${id} name=${name} column=${data.metrics[id]} at=${at} form=${form} />`)}</dl>`;
}
