// Calls to the server. A failure is an ApiError whose message can be shown as it is.
export const BUILD = document.querySelector('meta[name="signaltape-build"]').content;

export class ApiError extends Error {
  constructor(status, code, message, detail) { super(message); this.status = status; this.code = code; this.detail = detail; }
}

// True where the server lets nobody read without a token; then a page begins by asking whether it has a session.
export const READING_NEEDS_TOKEN = document.querySelector('meta[name="signaltape-reading"]').content === "token";

let token = "";  // in memory only: gone with the page, and in no storage that another page could read
export const keepToken = (value) => { token = value; };
export const hasToken = () => token !== "";

let locked = () => {};
// Call `act` when the server asks for a token before it lets this page read.
export const onLocked = (act) => { locked = act; };

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, {cache: "no-store", ...options, headers: {"X-Signaltape-Build": BUILD, ...options.headers}});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "no_answer", options.method === "POST"
      ? "The server has not answered: it is not known whether this was done. Look at what the page shows once it is connected again, before you try it once more."
      : "The server does not answer.");
  }
  let body = null;
  try { body = await answer.json(); } catch { /* said below */ }
  if (answer.ok && body !== null) return body;
  const told = body?.error;
  if (answer.status === 401 && READING_NEEDS_TOKEN && options.method !== "POST") locked();
  if (answer.status === 401) throw new ApiError(401, "unauthorized", options.method === "POST" ? "The token was not accepted, so nothing was done." : "Reading needs a token.", told);
  throw new ApiError(answer.status, told?.code ?? "failed", told?.message ?? `The server answered with ${answer.status}.`, told);
}

export function get(path, query = {}, {signal} = {}) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  const text = asked.toString();
  return call(`/console/api/${path}${text ? `?${text}` : ""}`, {signal});
}
// How this page stands: {needed: a token is asked for first, who, full: why it would get no events now, or ""}.
export const session = () => call("/console/session", {});
// A session lets this browser read, by a cookie that no script can see. A token that may change is kept as `keepToken` does.
export async function beginSession(shown) {
  const told = await call("/console/session", {method: "POST", body: "{}", headers: {"Content-Type": "application/json", ...bearer(shown)}});
  if (told.may_change) keepToken(shown);
}
export async function endSession() { keepToken(""); await call("/console/session", {method: "DELETE"}); locked(); }
function bearer(shown) {
  // A header can't carry other characters: the browser would refuse it, which looks as if the server were away.
  if (/[^\x21-\x7e]/.test(shown)) throw new ApiError(401, "unauthorized", "A token has ASCII characters only and no space, so nothing was sent.");
  return shown ? {Authorization: `Bearer ${shown}`} : {};
}
// A call that changes something: it shows the token, and the server refuses it where this page is of another build.
export async function post(path, body) {
  return call(`/console/api/${path}`, {method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json", ...bearer(token)}});
}
