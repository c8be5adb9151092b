// Every registered version, what it is used for, and its held-out rank IC.
import {html} from "lib/html.js";
import {Empty, Panel, Segments} from "lib/parts.js";
import {setQuery} from "lib/router.js";
import {Table} from "lib/table.js";
import {day, number, plural} from "lib/format.js";
import {Model, Stage, Told, interval} from "pages/models/words.js";

const STAGES = [["", "all"], ["production", "production"], ["staging", "staging"], ["none", "registered"], ["archived", "archived"]];

export function Registry({data, query, ask}) {
  const text = (query.model ?? "").toLowerCase();
  const rows = data.models.filter((one) => (!query.stage || one.stage === query.stage) && (!text || `${one.model} ${one.family} ${one.description} ${one.feature_set}`.toLowerCase().includes(text)));
  const truncated = data.models_total > data.models.length;
  const note = data.registry_failure ? "not known now" : truncated ? `the newest ${number(data.models_limit)} of ${plural(data.models_total, "version")}` : plural(data.models_total, "version");
  return html`<${Panel} title="Registry" note=${note} flush=${true}>
    <div class="filters pad">
      <label class="field">Name, family or feature set<input type="search" value=${query.model ?? ""} onInput=${(event) => setQuery({model: event.target.value})} /></label>
      <${Segments} label="Stage" options=${STAGES} value=${query.stage ?? ""} onChange=${(stage) => setQuery({stage})} />
    </div>
    ${!data.models.length ? html`<${Empty} title=${data.registry_failure ? "The registry can't be read now." : "No model is registered yet."}>
        ${data.registry_failure ? "Postgres does not answer; this fills in by itself once it does." : html`<code>signaltape train --dataset DIR --name NAME</code> makes one, <code>signaltape models register FILE.onnx --manifest FILE.json</code> takes one from elsewhere.`}<//>`
      : !rows.length ? html`<${Empty} title="No version fits these filters."><button onClick=${() => setQuery({model: null, stage: null})}>Show all<//><//>`
      : html`<div class="registry"><${Table} label="Registered versions" columns=${columns(ask)} rows=${rows} keyOf=${(one) => one.model} height=${380} sort=${{id: "registered", down: true}} /></div>`}
  <//>`;
}

const columns = (ask) => [
  {id: "model", name: "Model", width: 114, value: (one) => one.model, cell: (one) => html`<${Model} model=${one.model} />`},
  {id: "stage", name: "Stage", width: 128, value: (one) => one.stage, cell: (one) => html`<${Stage} stage=${one.stage} />`},
  {id: "uses", name: "Used as", width: 132, value: (one) => one.uses.map(use).join(", ") || null, cell: (one) => one.uses.length ? html`<${Told}>${one.uses.map(use).join(", ")}<//>` : html`<span class="quiet">–</span>`},
  {id: "family", name: "Family", width: 88, value: (one) => one.family},
  {id: "serves", name: "Bars, horizon", width: 112, value: (one) => one.intervals.join(", "), cell: (one) => html`<span title=${`bars of ${one.intervals.join(", ")}, ${plural(one.horizon, "bar")} ahead`}>${one.intervals.join(", ")}, ${one.horizon}</span>`},
  {id: "ic", name: "Test rank IC [95 %]", width: 172, number: true, value: (one) => one.metrics.test?.rank_ic, cell: (one) => interval(ic(one.metrics.test), 2)},
  {id: "data", name: "Data until", width: 104, number: true, value: (one) => one.data_to, cell: (one) => one.data_to === null ? "not known" : day(one.data_to)},
  {id: "registered", name: "Registered", width: 106, number: true, value: (one) => one.registered_at, cell: (one) => day(one.registered_at)},
  {id: "act", name: "Change", width: 124, sortable: false, value: () => "", cell: (one) => html`<button class="small" aria-label=${`Promote ${one.model}`} onClick=${() => ask({action: "promote", model: one.model, strategy: likely(one)})}>Promote …</button>`},
];
const use = ({role, strategy}) => `${role}: ${strategy}`;
const ic = (metrics) => metrics ? [metrics.rank_ic, metrics.rank_ic_low, metrics.rank_ic_high] : undefined;
const likely = (one) => one.uses.find((held) => held.role === "shadow")?.strategy ?? "";
