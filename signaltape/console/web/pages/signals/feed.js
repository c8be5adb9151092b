// What a page is filled with once, and what follows it over the channel: numbered, so that nothing is missing unnoticed.
import {useEffect, useRef, useState} from "lib/html.js";
import {get} from "lib/api.js";
import {onReconnect, useChannel} from "lib/live.js";
import {toRow} from "pages/signals/rows.js";

const RETRY_MS = 2_000;
const PAINT_MS = 250;  // however much comes, so often is it shown

// `take(rows, notices)` is called with what has come, `fill(data)` with what was read anew; both before a repaint.
export function useFeed(path, query, fill, take) {
  const key = JSON.stringify([path, query]);
  const [state, setState] = useState({loading: true, error: null, faults: [], at: 0, key: null, limit: 0, truncated: false});
  const at = useRef({});
  const [, repaint] = useState(0);
  at.current.fill = fill; at.current.take = take;
  const read = useRef(null);
  read.current = async () => {
    const mine = at.current;
    const reading = mine.reading = {waiting: []};
    mine.epoch = null;
    try {
      const data = await get(path, query);
      if (mine.reading !== reading) return;
      mine.reading = null; mine.epoch = data.epoch; mine.seen = data.to;
      mine.fill({...data, rows: data.rows.map(toRow)});
      setState({loading: false, error: null, faults: data.faults ?? [], at: Date.now(), key, limit: data.limit, truncated: data.truncated});
      for (const event of reading.waiting) heard.current(event);
    } catch (error) {
      if (mine.reading !== reading) return;
      mine.reading = null;
      setState((old) => ({...old, loading: false, error, key}));
    }
  };
  const heard = useRef(null);
  heard.current = (event) => {
    const mine = at.current;
    if (mine.reading) { mine.reading.waiting.push(event); return; }
    if (mine.epoch === null) {  // it could not be read, and now something moves: try again, once in a while
      mine.later ??= setTimeout(() => { mine.later = null; if (mine.epoch === null && !mine.reading) read.current(); }, RETRY_MS);
      return;
    }
    if (event.epoch !== mine.epoch || event.from > mine.seen + 1) { read.current(); return; }
    const fresh = (one) => (Array.isArray(one) ? one[0] : one.n) > mine.seen;
    const rows = event.rows.filter(fresh).map(toRow), notices = event.notices.filter(fresh);
    mine.seen = Math.max(mine.seen, event.to);
    if (rows.length || notices.length) {
      mine.take(rows, notices);
      if (!mine.painting) mine.painting = setTimeout(() => { mine.painting = null; repaint((count) => count + 1); }, PAINT_MS);
    }
    if (event.fault || state.faults.length) setState((old) => ({...old, faults: event.fault ? [event.fault] : []}));
  };
  const [act] = useState(() => (data, fault) => { if (data) heard.current(data); else if (fault) setState((old) => ({...old, faults: [fault]})); });
  useChannel("signals", act);
  useEffect(() => { read.current(); }, [key]);
  useEffect(() => {
    const forget = onReconnect(() => read.current());
    return () => { forget(); clearTimeout(at.current.painting); clearTimeout(at.current.later); at.current.reading = {waiting: []}; };
  }, []);
  const stale = state.error !== null && state.at > 0 && state.key === key;
  // stale: what is shown was read before; failed: there is nothing to show.
  return {...state, loading: state.loading || (state.key !== key && !state.error), stale, failed: state.error !== null && !stale, reload: () => read.current()};
}
