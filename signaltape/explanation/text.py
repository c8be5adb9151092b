"""An explanation for people, made of the values of its document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.explanation.words import span, when

#: Bars shown; the document holds all that the features' windows reach.
_BARS = 5


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an explanation, given as its document."""
    yield from _head(found)
    yield from _bars(found["bars"])
    yield from _features(found["features"])
    yield from _models(found["models"])
    if found["models"]:
        yield from _router(found["router"])
    yield from _control(found["control"])
    yield from _latency(found["latency"])
    yield from _recomputation(found["recomputation"])


def _head(found: Mapping[str, Any]) -> Iterator[str]:
    name = f"{found['symbol']} {found['interval']} at {found['at']}, partition {found['partition']}"
    signal = found["signal"]
    if signal is None:
        yield f"no signal: {name}"
    else:
        yield f"signal {signal['signal_id']}: {signal['signal']} {name}"
        yield (
            f"  score {signal['score']!r}  confidence {signal['confidence']!r}  horizon {signal['horizon']} bars  "
            f"price {signal['reference_price']!r}  scale {signal['position_scale']:g}  reason {signal['reason']}"
        )
        yield (
            f"  strategy {signal['strategy']}  merged from {', '.join(signal['models'])}  expires "
            f"{when(signal['expires_at'])}  seq {signal['seq']}, offset {signal['topic_offset']} of signals"
        )
    for one in found["reasons"]:
        by = f" [{one['strategy']} {one['model']}]" if "strategy" in one else ""
        yield f"  {one['code']}: {one['text']}{by}"


def _bars(bars: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not bars:
        return
    shown = bars[-_BARS:]
    yield f"bars ({len(bars)} that the windows reach, the last {len(shown)} shown; recursive features reach further)"
    for one in shown:
        volume = "none" if one["volume"] is None else f"{one['volume']:g}"
        prices = "  ".join(f"{name[0]} {one[name]!r}" for name in ("open", "high", "low", "close"))
        yield (
            f"  {one['at']}  {prices}  v {volume}  partition {one['partition']} offset {one['source_offset']} "
            f"row {one['row_index']}  source {one['source'] or '-'}  revision {one['revision']}  {one['status']}"
        )


def _features(vectors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in vectors:
        yield f"features {one['feature_set']} v{one['set_version']}, hash {one['set_hash']}, revision {one['revision']}"
        cells = [f"{name} {'masked' if value is None else repr(value)}" for name, value in one["values"].items()]
        width = max(map(len, cells), default=0)
        for place in range(0, len(cells), 3):
            yield "  " + "  ".join(cell.ljust(width) for cell in cells[place : place + 3]).rstrip()


def _models(calls: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in calls:
        name = f"{one['strategy']} {one['role']} {one['model']}:{one['model_version']}"
        yield f"model {name}, from {one['feature_set']} v{one['set_version']} (set hash {one['set_hash']})"
        yield f"  ONNX SHA-256 {one['sha256'] or 'not recorded'}  call took {one['model_latency_ns'] / 1e6:.3f} ms"
        row = one["row"]
        if row is None:
            yield "  not asked about this symbol: it was called for others of the same message"
            continue
        yield (
            f"  score {row['score']!r} ({row['score_bits']})  confidence {row['confidence']!r}  status {row['status']}"
            f"  direction {row['direction']}  router: {row['outcome']}"
        )
        yield "  terms " + ", ".join(f"{name} {_term(term)}" for name, term in row["terms"].items())


def _term(term: Mapping[str, Any]) -> str:
    value = ",".join(map(str, term["value"])) or "none" if isinstance(term["value"], list) else term["value"]
    origin = f"control {term['control_offset']}" if term["control_offset"] is not None else term["origin"]
    return f"{value} ({origin})"


def _router(router: Mapping[str, Any]) -> Iterator[str]:
    terms = router["terms"]
    window = {**terms["dedup_window_ns"], "value": span(int(terms["dedup_window_ns"]["value"]))}
    yield f"router {router['name']}: dedup window {_term(window)}, emit {_term(terms['emit'])}"
    merged = router["merged"]
    if merged is not None:
        for one in merged["rows"]:
            lead = ", leads" if one["leads"] else ""
            name = f"{one['strategy']} {one['model']}"
            yield f"  merges {name}: {one['direction']}, {one['share']:.2%} of the weight{lead}"
        yield f"  into {merged['direction']}  score {merged['score']!r}  confidence {merged['confidence']!r}"
    before = router["emission_before"]
    if before is None:
        yield "  nothing was sent for this symbol before"
    else:
        state = "open" if before["open"] else "over"
        yield (
            f"  sent before: {before['signal']} at {when(before['event_time'])} ({before['signal_id']}), its window "
            f"until {when(before['window_until'])} was {state}"
        )


def _control(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if events:
        yield "control in force"
    for one in events:
        model = f" {one['model']}:{one['model_version']}" if one["model"] else ""
        late = ", late" if one["late"] else ""
        parameters = f" {one['parameters']}" if one["parameters"] else ""
        yield f"  {one['control_offset']}: {one['text']}{model}{parameters}{late}"


def _latency(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["steps"]:
        return
    yield "latency" + (f" ({found['missing']})" if found["missing"] else "")
    for one in found["steps"]:
        since = "" if one["since_bar_ms"] is None else f"  {one['since_bar_ms']:+.1f} ms from the bar's publication"
        yield f"  {one['step']:20} {when(one['time'])}{since}"


def _recomputation(found: Mapping[str, Any]) -> Iterator[str]:
    how = "bit for bit" if found["exact"] else "within tolerances (another arithmetic made the recorded values)"
    begins = f", features from {found['begins']} on" if found["begins"] else ""
    for one in found["honoured"]:
        yield f"taken as recorded: {one}"
    if found["checked"]:
        yield f"computed again{begins}: {', '.join(found['checked'])}; compared {how}"
    for one in found["differences"]:
        yield f"DIFFERS: {one['text']}"
    for one in found["problems"]:
        yield f"NOT CHECKED: {one}"
    if found["verdict"] == "agrees":
        yield f"AGREES {how}"
