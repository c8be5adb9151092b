"""`signaltape features get`: what was known of some symbols at a time."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from infra.feature_store import FeatureFrame


def get_features(
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")],
    as_of: Annotated[str | None, typer.Option(help="Time with zone, like 2024-01-02T21:00:00Z. [default: now]")] = None,
    features: Annotated[str, typer.Option(help="Features, separated by commas. [default: all of the set]")] = "",
    feature_set: Annotated[str, typer.Option("--set", help="Feature set.")] = "core",
    version: Annotated[int | None, typer.Option("--set-version", help="Its version. [default: this release's]")] = None,
    interval: Annotated[str, typer.Option(help="Bar interval.")] = "1m",
    knowledge: Annotated[
        str, typer.Option(help="ingested: what was stored by then; available: what the world knew.")
    ] = "ingested",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show features as they were known at a time, both clocks considered; nothing later is ever shown."""
    from infra.feature_store import FeatureStore
    from infra.settings import load_settings

    moment = None if as_of is None else _moment(as_of)
    with FeatureStore(load_settings(), feature_set=feature_set, interval=interval) as store:
        frame = store.get_latest(
            _names(symbols),
            _names(features) or None,
            moment,
            feature_version=_version(feature_set) if version is None else version,
            knowledge=knowledge,  # type: ignore[arg-type]  # checked by the store
        )
    typer.echo(json.dumps(_document(frame), indent=2) if as_json else "\n".join(_lines(frame)))
    if not frame.known.any():
        raise typer.Exit(1)


def _moment(text: str) -> int:
    from schemas.times import parse_iso_time

    try:
        return parse_iso_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of: {error}") from error


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _version(feature_set: str) -> int:
    from pipeline.features import FEATURE_SETS
    from signaltape.extensions import load_feature_sets

    load_feature_sets()
    return FEATURE_SETS[feature_set].version if feature_set in FEATURE_SETS else 1


def _time(moment: int) -> str:
    from infra.feature_store.pairs import text

    return text(moment).replace("+00:00", "Z")


def _rows(frame: "FeatureFrame") -> list[dict[str, Any]]:
    rows = []
    for row, (symbol, known) in enumerate(zip(frame.entities, frame.known.tolist(), strict=True)):
        values: dict[str, Any] = {}
        for column, name in enumerate(frame.features):
            valid = bool(frame.valid[row, column])
            document = frame.documents[name][row] if name in frame.documents else None
            values[name] = (
                (document if name in frame.documents else float(frame.values[row, column])) if valid else None
            )
        times = {"event_time": int(frame.event_time[row]), "available_time": int(frame.available_time[row])}
        rows.append({"symbol": symbol, "known": known, **(times if known else {}), "features": values})
    return rows


def _document(frame: "FeatureFrame") -> dict[str, Any]:
    return {
        "feature_set": frame.feature_set,
        "feature_version": frame.feature_version,
        "interval": frame.interval,
        "as_of": int(frame.as_of[0]),
        "knowledge": frame.knowledge,
        "final": frame.final,
        "rows": _rows(frame),
    }


def _lines(frame: "FeatureFrame") -> list[str]:
    final = "final" if frame.final else "not final: something that is still being stored, or filled in later, may add"
    head = f"{frame.feature_set} version {frame.feature_version}, {frame.interval}, as of {_time(int(frame.as_of[0]))}"
    lines = [f"{head}, knowledge {frame.knowledge} ({final})"]
    width = max(map(len, frame.features))
    for row in _rows(frame):
        if not row["known"]:
            lines.append(f"{row['symbol']}: nothing was known")
            continue
        lines.append(
            f"{row['symbol']}: bar closed {_time(row['event_time'])}, available {_time(row['available_time'])}"
        )
        lines += [f"  {name:{width}}  {_text(value)}" for name, value in row["features"].items()]
    return lines


def _text(value: Any) -> str:
    if value is None:
        return "undefined"
    return f"{value:.10g}" if isinstance(value, float) else json.dumps(value)
