"""The AsyncAPI 3 document of all topics, generated from the message classes and the topic table.

`python -m schemas.asyncapi > docs/asyncapi.json` writes the copy that is checked in.
"""

import dataclasses
import json
import types
import typing
from typing import Any

from schemas.alerts import SEVERITIES
from schemas.bars import FEED_STATES
from schemas.codec import JSON_TYPES, TYPES, VERSION
from schemas.control import CONTROL_ACTIONS
from schemas.features import KINDS
from schemas.fields import Wire
from schemas.headers import JSON, MSGPACK, WRITTEN
from schemas.intervals import INTERVALS
from schemas.link import Link
from schemas.predictions import ROLES
from schemas.raw_bar import RawBar
from schemas.signals import NOTICE_KINDS, SIGNALS
from schemas.topics import TOPICS, Topic, TopicNames

Json = dict[str, Any]

#: Fields whose values come from a table.
_CHOICES: dict[tuple[str, str], typing.Sequence[str]] = {
    ("Watermark", "state"): FEED_STATES,
    ("ControlEvent", "action"): CONTROL_ACTIONS,
    ("FeatureBatch", "kind"): KINDS,
    ("ReturnBatch", "kind"): KINDS,
    ("PredictionBatch", "role"): ROLES,
    ("Signal", "signal"): SIGNALS,
    ("Notice", "kind"): NOTICE_KINDS,
    ("Alert", "severity"): SEVERITIES,
}
_COLUMNS = {
    Wire.F8: "float64, little-endian, one value a row",
    Wire.I8: "int64, little-endian, one value a row",
    Wire.U1: "uint8, one value a row",
    Wire.BITS: "one bit a row, least significant bit of each byte first",
    Wire.F8X: "float64, little-endian, row by row",
    Wire.I8X: "int64, little-endian, row by row",
    Wire.BITSX: "one bit a cell, row by row, least significant bit of each byte first",
}
_INTEGER: Json = {"type": "integer", "format": "int64"}
_PAIR: Json = {"type": "array", "items": _INTEGER, "minItems": 2, "maxItems": 2}
_SCALARS: dict[Any, Json] = {
    str: {"type": "string"},
    int: _INTEGER,
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "format": "binary", "description": "MessagePack binary"},
    tuple[str, ...]: {"type": "array", "items": {"type": "string"}},
    tuple[int, int]: _PAIR,
    dict[str, Any]: {"type": "object"},
    Link: {
        "type": "object",
        "required": ["position", "last_part"],
        "properties": {"position": _PAIR, "last_part": _INTEGER, "previous": _PAIR},
    },
}
_HEADERS: Json = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binding in binary mode; all values are UTF-8.",
    "properties": {
        name: {"type": "string"}
        for name in (
            "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_dataschema", "content-type",
            "traceparent", "tracestate",
        )
    } | {
        WRITTEN: {
            "type": "string",
            "description": "On vectors of live bars: when the bars were written, ms since 1970. For latencies only.",
        }
    },
}  # fmt: skip


def document(prefix: str = "") -> Json:
    """Return the document for topics under ``prefix``, a JSON value in a stable order."""
    names = sorted({name for topic in TOPICS for name in topic.messages})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "signaltape",
            "version": f"{VERSION}.0.0",
            "description": "Bars in; features, returns, predictions, signals and alerts out. Times are ns UTC.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": MSGPACK,
        "channels": {topic.name: _channel(topic, prefix) for topic in TOPICS},
        "operations": {
            f"{action}-{topic.name}": _operation(action, topic) for topic in TOPICS for action in _actions(topic)
        },
        "components": {
            "messages": {name: _message(name) for name in names},
            "schemas": {name: _payload(name) for name in names} | {"headers": _HEADERS},
        },
    }


def _channel(topic: Topic, prefix: str) -> Json:
    notes = [topic.summary]
    if topic.key:
        notes.append(f"Keyed by {topic.key}.")
    if topic.transactional:
        notes.append("Written in transactions: read with isolation level read_committed.")
    if topic.partitioned:
        notes.append("A symbol's partition is murmur2 of its UTF-8 bytes, as in Java's default partitioner.")
    return {
        "address": TopicNames(prefix).of(topic.name),
        "description": " ".join(notes),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.messages},
    }


def _actions(topic: Topic) -> tuple[str, ...]:
    """What this system does with a topic: read what others write, or write it, or both."""
    return {"bars-in": ("receive",), "bars": ("receive", "send"), "control": ("receive", "send")}.get(
        topic.name, ("send",)
    )


def _operation(action: str, topic: Topic) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}, "summary": topic.summary}


def _message(name: str) -> Json:
    both = name in JSON_TYPES or name == "RawBar"
    return {
        "name": name,
        "title": name,
        "summary": _first_line(_kind(name)),
        "contentType": MSGPACK,
        "description": f"MessagePack; {JSON} where the header content-type says so." if both else "MessagePack.",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _payload(name: str) -> Json:
    kind = _kind(name)
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    required = [f.name for f in fields if f.default is missing and f.default_factory is missing]
    properties: Json = {field.name: _field(name, field, hints[field.name]) for field in fields}
    if name != "RawBar":
        marks: Json = {"v": {"type": "integer", "const": VERSION}, "type": {"type": "string", "const": name}}
        properties, required = marks | properties, ["v", "type", *required]
    return {"type": "object", "description": _first_line(kind), "required": required, "properties": properties}


def _field(name: str, field: "dataclasses.Field[Any]", hint: Any) -> Json:
    if "wire" in field.metadata:
        return {"type": "string", "format": "binary", "description": _column(field)}
    if (name, field.name) in _CHOICES:
        return {"type": "string", "enum": list(_CHOICES[name, field.name])}
    if field.name == "interval":
        return {"type": "string", "enum": list(INTERVALS)}
    if name == "RawBar" and field.name in ("event_time", "available_time"):
        text = {"type": "string", "format": "date-time", "description": "ISO-8601 with a zone"}
        return {"oneOf": [_INTEGER | {"description": "ns UTC"}, text]}
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    return dict(_SCALARS[hint])


def _column(field: "dataclasses.Field[Any]") -> str:
    rows, width = field.metadata["rows"], field.metadata["width"]
    shape = f"rows: {rows}; columns: {width}" if width else f"rows: {rows}"
    return f"{_COLUMNS[field.metadata['wire']]} ({shape})"


def _kind(name: str) -> type[Any]:
    return RawBar if name == "RawBar" else TYPES[name]


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ").replace("``", "")


if __name__ == "__main__":
    print(json.dumps(document(), indent=2, ensure_ascii=False))
