// What a page is filled with once, and what follows it over the channel: numbered, so that nothing is missing unnoticed.
import {useEffect, useRef, useState} from "lib/html.js";
import {get} from "lib/api.js";
import {onReconnect, useChannel} from "lib/live.js";
import {Row, toRow} from "pages/signals/rows.js";

const RETRY_MS = 2_000, AGAIN_MS = 10_000;
const PAINT_MS = 500;  // however much comes, it is shown so often at most
const BURST = 300;     // rows of an event that others are likely to follow at once

// `take(rows, notices)` is called with what has come, `fill(data)` with what was read anew, `paint()` before it is shown.
export function useFeed(path, query, {fill, take, paint}) {
  const key = JSON.stringify([path, query]);
  const [state, setState] = useState({loading: true, error: null, fault: "", storeFault: "", at: 0, key: null, limit: 0, truncated: false});
  const at = useRef({painted: -PAINT_MS, due: Infinity, timer: 0, later: 0});
  const [version, repaint] = useState(0);
  Object.assign(at.current, {fill, take, paint});
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
      setState({loading: false, error: null, fault: data.fault, storeFault: data.store_fault, at: Date.now(), key, limit: data.limit, truncated: data.truncated});
      repaint((count) => count + 1);
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
      mine.later ||= setTimeout(() => { mine.later = 0; if (mine.epoch === null && !mine.reading) read.current(); }, RETRY_MS);
      return;
    }
    if (event.epoch !== mine.epoch || event.from > mine.seen + 1) { read.current(); return; }
    const rows = [], notices = event.notices.filter((one) => one.n > mine.seen);
    for (const block of event.blocks) for (let place = 0; place < block.n.length; place++) if (block.n[place] > mine.seen) rows.push(new Row(block, place));
    mine.seen = Math.max(mine.seen, event.to);
    if (rows.length || notices.length) {
      mine.take(rows, notices);
      soon(mine, event.left || rows.length > BURST ? PAINT_MS : 0);  // a burst comes in pieces: they are shown together
    }
    if (event.fault !== state.fault) setState((old) => ({...old, fault: event.fault}));
  };
  // After `wait`, with the next frame, and not before the last one is so old: a tab that isn't drawn does no work.
  function soon(mine, wait) {
    const now = performance.now(), due = Math.max(now + wait, mine.painted + PAINT_MS);
    if (due >= mine.due) return;
    clearTimeout(mine.timer);
    mine.due = due;
    mine.timer = setTimeout(() => requestAnimationFrame(() => {
      if (mine.gone) return;
      mine.due = Infinity; mine.painted = performance.now();
      mine.paint?.();
      repaint((count) => count + 1);
    }), due - now);
  }
  const [act] = useState(() => (data, fault) => { if (data) heard.current(data); else if (fault) setState((old) => ({...old, fault})); });
  useChannel("signals", act);
  useEffect(() => { read.current(); }, [key]);
  // Nothing comes when the store is back: ask.
  useEffect(() => {
    const timer = state.error || state.storeFault ? setTimeout(() => { if (!document.hidden) read.current(); }, AGAIN_MS) : 0;
    return () => clearTimeout(timer);
  }, [state]);
  useEffect(() => {
    const forget = onReconnect(() => read.current());
    const mine = at.current;
    return () => { forget(); mine.gone = true; clearTimeout(mine.timer); clearTimeout(mine.later); mine.reading = {waiting: []}; };
  }, []);
  const stale = state.error !== null && state.at > 0 && state.key === key;
  // version: changes with what is to be shown. stale: what is shown was read before; failed: there is nothing to show.
  return {...state, version, loading: state.loading || (state.key !== key && !state.error), stale, failed: state.error !== null && !stale, reload: () => read.current()};
}
