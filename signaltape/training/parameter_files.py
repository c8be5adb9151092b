"""Parameters and grids out of TOML or JSON files."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signaltape.training.errors import TrainingError


def read_parameters(path: Path) -> dict[str, float]:
    """``name = number`` per line (TOML), or one JSON object. Raises TrainingError naming file and parameter."""
    return {name: _number(path, name, value) for name, value in _document(path).items()}


def read_grid(path: Path) -> dict[str, tuple[float, ...]]:
    """``name = [number, …]``; a single number is a list of one. Raises TrainingError naming file and parameter."""
    grid = {}
    for name, value in _document(path).items():
        values = value if isinstance(value, list) else [value]
        numbers = tuple(_number(path, name, one) for one in values)
        if not numbers or len(set(numbers)) != len(numbers):
            raise TrainingError(f"{path}: {name} needs at least one value, and each of them once")
        grid[name] = numbers
    return grid


def _document(path: Path) -> Mapping[str, Any]:
    form = "JSON" if path.suffix == ".json" else "TOML"
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if form == "JSON" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: can't be read as {form} ({error})") from None
    if not isinstance(document, Mapping) or not document:
        raise TrainingError(f"{path}: names no parameter; give lines such as trees = 200")
    return document


def _number(path: Path, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TrainingError(f"{path}: {name} is {value!r}; a parameter is a number")
    return float(value)
