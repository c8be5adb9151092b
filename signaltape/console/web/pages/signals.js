// Signals: the live tape, the newest of each symbol, what was held back; one signal or one bar explained.
import {html} from "lib/html.js";
import {setQuery} from "lib/router.js";
import {PageHead, Segments} from "lib/parts.js";
import {Tape} from "pages/signals/tape.js";
import {BySymbol} from "pages/signals/by_symbol.js";
import {Held} from "pages/signals/held.js";
import {Explained} from "pages/signals/explained.js";

const VIEWS = [["tape", "Tape"], ["symbols", "By symbol"], ["held", "Held back"]];

export default function Signals({rest, query}) {
  if (rest === "at") return html`<${Explained} key=${`${query.symbol}|${query.at}|${query.interval}`} symbol=${query.symbol ?? ""} at=${query.at ?? ""} interval=${query.interval ?? ""} />`;
  if (rest) return html`<${Explained} key=${rest} id=${rest} />`;
  const view = VIEWS.some(([id]) => id === query.view) ? query.view : "tape";
  return html`<${PageHead} title="Signals" lead="What was sent to gateways, as it is sent. Choose one to see all that led to it.">
      <${Segments} label="View" options=${VIEWS} value=${view} onChange=${(id) => setQuery({view: id === "tape" ? null : id})} />
    <//>
    ${view === "tape" ? html`<${Tape} query=${query} />` : view === "symbols" ? html`<${BySymbol} query=${query} />` : html`<${Held} query=${query} />`}`;
}
