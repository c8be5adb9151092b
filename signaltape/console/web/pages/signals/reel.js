// The rows of a tape: each signal once, the newest bar first; what comes waits until it is shown, older ones join at the end.
const KEPT = 5_000;          // rows while it runs
const KEPT_BACK = 20_000;    // rows of one that was led back: beyond it the newest of them leave
const MICROSECOND = 1_000;   // of ns: what a number may have lost of a time, and the store keeps no less

export class Reel {
  rows = [];
  coming = [];
  next = null;      // what the server is asked for to go further back; null: nothing older is known
  end = false;      // nothing older is kept
  back = false;     // older ones were asked for: it stays where it is until it is led to the newest again
  left = false;     // newer ones have left
  #stored = new Set();  // ids that were read: they may come over the channel, too
  #known = null;        // ids of all rows, once older ones join
  #renewed = null;  // what was read anew meanwhile
  #missed = false;  // more came than is kept: what was shown before doesn't join on

  fill(data) {
    if (this.back) { this.#renewed = data; this.coming = []; return; }
    this.#restart(data);
  }
  take(rows, passes) {
    for (const row of rows) if (passes(row)) this.coming.push(row);
    if (this.coming.length > KEPT) { this.coming = this.coming.slice(-KEPT); this.#missed = true; }
  }
  // Let what has come join; where the tape was led back, return false unless it was read anew meanwhile: it has to be.
  show() {
    if (this.back) {
      this.back = false;
      if (this.#renewed === null || this.#missed) return false;
      this.#restart({...this.#renewed, coming: this.coming});
    }
    let cut = this.#missed;
    if (cut) this.#restart({rows: [], coming: this.coming});
    const fresh = (this.#stored.size ? this.coming.filter((row) => !this.#stored.has(row.id)) : this.coming).reverse();
    this.coming = [];
    if (!fresh.length) return true;
    fresh.sort((left, right) => right.time - left.time);
    this.rows = merged(fresh, this.rows);
    if (this.rows.length > KEPT) { this.rows.length = KEPT; cut = true; }
    if (cut) { this.next = {before: this.rows.at(-1).time + MICROSECOND}; this.end = false; }
    return true;
  }
  // Take older ones; how many of them are new here.
  older(data) {
    this.#known ??= new Set(this.rows.map((row) => row.id));
    const fresh = data.rows.filter((row) => !this.#known.has(row.id) && this.#known.add(row.id));
    this.rows = [...this.rows, ...fresh];
    this.next = follows(data); this.end = data.end;
    if (this.rows.length > KEPT_BACK) {
      this.left = true;
      for (const row of this.rows.splice(0, this.rows.length - KEPT_BACK)) this.#known.delete(row.id);
    }
    return fresh.length;
  }
  #restart({rows, coming = [], ...data}) {
    this.rows = rows; this.coming = coming; this.next = follows(data); this.end = Boolean(data.end);
    this.back = this.left = this.#missed = false;
    this.#renewed = null;
    this.#stored = new Set(rows.filter((row) => !row.n).map((row) => row.id));  // what has a number has come already
    this.#known = null;
  }
}
const follows = (data) => data.next ? {older: data.next} : null;

// Both the newest first; of one time, `fresh` stands first.
function merged(fresh, rows) {
  if (!rows.length || fresh.at(-1).time >= rows[0].time) return [...fresh, ...rows];
  const found = [];
  let at = 0;
  for (const row of fresh) {
    while (at < rows.length && rows[at].time > row.time) found.push(rows[at++]);
    found.push(row);
  }
  return [...found, ...rows.slice(at)];
}
