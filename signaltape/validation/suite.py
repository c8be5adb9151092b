"""Expectations under a name and a version, in a file."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.scoring.files import sha256_of, write_atomically
from signaltape.validation.expectation import Expectation, ValidationError

_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """``derived_from``: fingerprint of the reference data, empty for rules that were written down."""

    name: str
    expectations: tuple[Expectation, ...]
    version: int = 1
    derived_from: str = ""

    @property
    def sha256(self) -> str:
        """Of the file's content: says which expectations a result speaks of."""
        return sha256_of(self.to_json())

    def to_json(self) -> bytes:
        """The file's content, the same for equal suites."""
        document: dict[str, Any] = {
            "format": _FORMAT,
            "name": self.name,
            "version": self.version,
            "derived_from": self.derived_from,
            "expectations": [one.document() for one in self.expectations],
        }
        return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()

    def with_rules_of(self, other: "Suite") -> "Suite":
        """This suite, and before its own expectations those of ``other`` that it doesn't have."""
        return replace(self, expectations=tuple(dict.fromkeys((*other.expectations, *self.expectations))))


def read_suite(path: Path) -> Suite:
    """Read a suite; raises ValidationError naming the file and what is wrong."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != _FORMAT:
            raise ValidationError(f"{path} has format {document['format']}; this version reads format {_FORMAT}")
        return Suite(
            name=str(document["name"]),
            version=int(document["version"]),
            derived_from=str(document["derived_from"]),
            expectations=tuple(
                Expectation(**{**one, "values": tuple(one.get("values", ()))}) for one in document["expectations"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValidationError(f"{path}: not a suite of expectations ({type(error).__name__}: {error})") from error
    except ValidationError as error:
        raise ValidationError(f"{path}: {error}") from error


def save_suite(path: Path, suite: Suite) -> Suite:
    """Write a suite; where there is one already, as its next version. Returns the suite with its version.

    1. The one that is there is kept as `NAME.vN.json` beside it. 2. The new one takes its place. Equal expectations
    of equal data change nothing. A process that dies between the two leaves the old one in force.
    """
    if not path.exists():
        _write(path, suite)
        return suite
    before = read_suite(path)
    if replace(suite, version=before.version) == before:
        return before
    made = replace(suite, version=before.version + 1)
    _write(path.with_name(f"{path.stem}.v{before.version}{path.suffix}"), before)  # 1.
    _write(path, made)  # 2.
    return made


def _write(path: Path, suite: Suite) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, suite.to_json())
    except OSError as error:
        raise ValidationError(f"{error.filename or path}: {error.strerror}; choose a folder to write") from error
