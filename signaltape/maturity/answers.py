"""Answers of people: from a file, checked before any of it counts."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.errors import OperatorError
from signaltape.maturity.questions import LEVELS, areas


class AnswersRefused(OperatorError):
    """A file of answers can't be used; the message names the file, and each question that is wrong in it."""

    exit_code = 2


def read_answers(path: Path) -> dict[str, int]:
    """Question id → level (0 to 3), of a TOML or JSON file: ``"data.suite" = 2``, or tables by area: ``[data]``.

    It needn't answer everything. Raises AnswersRefused naming every unknown id and every level that is none.
    """
    try:
        text = path.read_text()
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise AnswersRefused(f"{path}: can't be read ({error})") from error
    except ValueError as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise AnswersRefused(f"{path}: is no whole {kind} file ({error})") from error
    if not isinstance(document, dict):
        raise AnswersRefused(f'{path}: expected question = level, for example: "data.suite" = 2')
    given = dict(_flat(document))
    known = {question.id for area in areas() for question in area.questions}
    faults = [f"{name}: there is no such question" for name in given if name not in known]
    faults += [f"{name}: {given[name]!r} is no level; give 0 to {len(LEVELS) - 1}" for name in given
               if name in known and not is_level(given[name])]  # fmt: skip
    if faults:
        raise AnswersRefused(f"{path}: " + "; ".join(faults))
    return given


def is_level(value: Any) -> bool:
    """True for a whole number from 0 to 3."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(LEVELS)


def _flat(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in document.items():
        inner = value.items() if isinstance(value, dict) else None
        found += [(name, value)] if inner is None else [(f"{name}.{one}", level) for one, level in inner]
    return found
