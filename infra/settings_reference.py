"""Every setting as a reference: name, variable, default, what it may be and what it means, from the settings' classes.

The meaning stands in one place: in the docstring of the setting's group (`name: text.`), or in the field's own
description where a group's text would get too long.
"""

import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any, Literal, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.responder_settings import GuardSettings
from infra.settings import Settings, variable_name
from pipeline.guard.policy import GuardPolicy

_WORDS: Mapping[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", time: "time of day",
}  # fmt: skip
#: Groups whose settings are those of a class of the core, which says what they mean.
_DESCRIBED_BY: Mapping[type[BaseModel], type] = {GuardSettings: GuardPolicy}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@dataclass(frozen=True, kw_only=True)
class SettingEntry:
    """One setting. default: as it would stand in its variable; None: none, see the meaning. secret: never shown."""

    name: str
    variable: str
    default: str | None
    kind: str
    bounds: str
    meaning: str
    secret: bool


@dataclass(frozen=True, kw_only=True)
class SettingGroup:
    """The settings of one group, with the first sentence of its text."""

    name: str
    summary: str
    entries: tuple[SettingEntry, ...]


def reference() -> tuple[SettingGroup, ...]:
    """All settings in the order of their groups; those of no group first."""
    single, groups = [], []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            texts = documented(_DESCRIBED_BY.get(kind, kind).__doc__ or "", kind.model_fields)
            entries = tuple(
                _entry(f"{name}.{one}", info, texts.get(one, "")) for one, info in kind.model_fields.items()
            )
            groups.append(SettingGroup(name=name, summary=_summary(kind.__doc__ or ""), entries=entries))
        else:
            single.append(_entry(name, field, ""))
    return (SettingGroup(name="", summary="Where everything lies.", entries=tuple(single)), *groups)


_HEAD = """\
# Settings

This page is what `signaltape config reference` prints. A setting is an environment variable, or a value in a TOML file
(`SIGNALTAPE_CONFIG`, else `signaltape.toml` in the home folder), where groups are tables: `SIGNALTAPE_TOPICS__PREFIX`
is `prefix` below `[topics]`. The environment comes first, then the file, then a running local stack's endpoints, then
the default. `signaltape config show` says what is in force and where it came from, secrets masked;
[`.env.example`](../../.env.example) is a file to begin with. Settings are read when a process starts.

Two more variables are read before any setting: `SIGNALTAPE_CONFIG` names the TOML file, and
`SIGNALTAPE_MAVEN_REPOSITORY` a mirror from which the local broker's jars come (they are held to their checksums).
"""


def markdown() -> Iterator[str]:
    """Yield the reference as lines of Markdown."""
    yield from _HEAD.splitlines()
    yield ""
    for group in reference():
        yield f"## {group.name or 'home'}"
        yield ""
        yield group.summary
        yield ""
        yield "| variable | default | may be | meaning |"
        yield "|---|---|---|---|"
        for one in group.entries:
            default = "" if one.default is None else f"`{one.default}`"
            may_be = f"{one.kind}{', ' if one.bounds else ''}{one.bounds}{'; **secret**' if one.secret else ''}"
            cells = (f"`{one.variable}`", default, may_be, one.meaning)
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def documented(text: str, names: Mapping[str, Any]) -> dict[str, str]:
    """Take the meanings out of a group's docstring: `a, b (of one request): both mean this. c: that.`

    >>> documented("Summary.\\n\\na, b: both. c (s): that,\\n    on two lines.", dict.fromkeys("abc"))
    {'a': 'both.', 'b': 'both.', 'c': 'that, on two lines.'}
    """
    body = " ".join(text.partition("\n\n")[2].replace("``", "").split())
    one = rf"(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})(?: 0)?(?: \([^)]*\))?"
    heads = list(re.finditer(rf"(?:^|(?<=[.;] ))({one}(?:, {one})*): ", body))
    found = {}
    for place, head in enumerate(heads):
        end = heads[place + 1].start() if place + 1 < len(heads) else len(body)
        meaning = body[head.end() : end].strip().rstrip(";")
        for name in re.findall(r"(?:^|, )([a-z_]+)", head.group(1)):
            aside = re.search(rf"\b{name} (\([^)]*\))", head.group(1))
            found[name] = f"{meaning} {aside.group(1)}" if aside else meaning
    return found


def _entry(name: str, field: FieldInfo, text: str) -> SettingEntry:
    return SettingEntry(
        name=name,
        variable=variable_name(name),
        default=_default(field),
        kind=_kind(field.annotation),
        bounds=", ".join(_bounds(field)),
        meaning=field.description or text,
        secret=not field.repr,
    )


def _default(field: FieldInfo) -> str | None:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, Path):
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, time):
        return value.isoformat(timespec="minutes")
    if isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def _kind(annotation: Any) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return _kind(next(one for one in arguments if one is not type(None)))
    if origin is tuple:
        return f"JSON list of {_kind(arguments[0])}"
    if origin is dict:
        return f"JSON object, {_kind(arguments[0])} to {_kind(arguments[1])}"
    return str(getattr(annotation, "__name__", annotation))


def _bounds(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        for name, sign in _SIGNS.items():
            if (value := getattr(limit, name, None)) is not None:
                yield f"{sign} {value:,}" if isinstance(value, int) else f"{sign} {value:g}"
        if (value := getattr(limit, "min_length", None)) is not None:
            yield f"at least {value} characters"
        if (value := getattr(limit, "max_length", None)) is not None:
            yield f"at most {value} characters"
        if (value := getattr(limit, "pattern", None)) is not None:
            yield f"matches `{value}`"


def _summary(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
