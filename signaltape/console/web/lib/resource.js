// What a page reads: loading, ready, or failed; data that can't be renewed stays, marked as old.
import {useCallback, useEffect, useRef, useState} from "lib/html.js";
import {get} from "lib/api.js";
import {onReconnect} from "lib/live.js";

// `every`: read again after so many milliseconds (while the tab is visible). A null path reads nothing.
export function useResource(path, query = {}, {every = 0} = {}) {
  const key = path === null ? null : JSON.stringify([path, query]);
  const [state, setState] = useState({key: null, data: null, error: null, at: 0});
  const running = useRef(null);
  const load = useCallback(async () => {
    if (key === null) return;
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    try {
      const data = await get(path, query, {signal: mine.signal});
      setState({key, data, error: null, at: Date.now()});
    } catch (error) {
      if (error.name !== "AbortError") setState((old) => ({key, data: old.key === key ? old.data : null, error, at: old.at}));
    }
    if (running.current === mine) running.current = null;
  }, [key]);
  useEffect(() => {
    load();
    const timer = every ? setInterval(() => { if (!document.hidden && running.current === null) load(); }, every) : null;
    const forget = onReconnect(load);
    return () => { clearInterval(timer); forget(); running.current?.abort(); running.current = null; };
  }, [load, every]);
  const mine = state.key === key;
  return {data: mine ? state.data : null, error: mine ? state.error : null, at: state.at,
    loading: key !== null && (!mine || (state.data === null && state.error === null)), stale: mine && state.error !== null && state.data !== null, reload: load};
}
