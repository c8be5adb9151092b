// Calls to the server. A failure is an ApiError whose message can be shown as it is.
export const BUILD = document.querySelector('meta[name="signaltape-build"]').content;

export class ApiError extends Error {
  constructor(status, code, message, detail) { super(message); this.status = status; this.code = code; this.detail = detail; }
}

let token = "";  // in memory only: gone with the page, and in no storage that another page could read
export const keepToken = (value) => { token = value; };
export const hasToken = () => token !== "";

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
  if (answer.status === 401) throw new ApiError(401, "unauthorized", "The token was not accepted, so nothing was done.", told);
  throw new ApiError(answer.status, told?.code ?? "failed", told?.message ?? `The server answered with ${answer.status}.`, told);
}

export function get(path, query = {}, {signal} = {}) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  const text = asked.toString();
  return call(`/console/api/${path}${text ? `?${text}` : ""}`, {signal});
}
// A call that changes something: it shows the token, and the server refuses it where this page is of another build.
export async function post(path, body) {
  // A header can't carry other characters: the browser would refuse it, which looks as if the server were away.
  if (/[^\x21-\x7e]/.test(token)) throw new ApiError(401, "unauthorized", "A token has ASCII characters only and no space, so nothing was sent.");
  return call(`/console/api/${path}`, {
    method: "POST", body: JSON.stringify(body),
    headers: {"Content-Type": "application/json", ...(token ? {Authorization: `Bearer ${token}`} : {})},
  });
}
