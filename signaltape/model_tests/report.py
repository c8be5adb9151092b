"""What came out of a model's tests, and the file that keeps it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from infra.scoring.errors import ManifestInvalid

#: File in the model's folder; the registry keeps it as an artifact of this kind.
MODEL_TESTS_FILE = "model_tests.json"
_FORMAT = 1


class Verdict(StrEnum):
    """``NOT_APPLICABLE``: nothing to test it on (no label, no irrelevant column); it counts neither way."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One test: the number that decided, its limit (None where there is no number), and why in words.

    ``figures``: what else was measured, plain values.
    """

    name: str
    verdict: Verdict
    detail: str
    value: float | None = None
    limit: float | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTestReport:
    """All tests of the ONNX file with SHA-256 ``sha256``, over ``rows`` rows."""

    model: str
    sha256: str
    numerics: str
    rows: int
    seed: int
    tests: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """True if no test failed, and at least one was made."""
        return self.share == 1.0

    @property
    def share(self) -> float:
        """Share of the applicable tests that passed; 0 if none was applicable."""
        made = [one for one in self.tests if one.verdict is not Verdict.NOT_APPLICABLE]
        return sum(one.verdict is Verdict.PASSED for one in made) / len(made) if made else 0.0

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The tests that failed."""
        return tuple(one for one in self.tests if one.verdict is Verdict.FAILED)

    def document(self) -> dict[str, Any]:
        """Plain values, the verdict over all first."""
        return {"format": _FORMAT, "passed": self.passed, "share": self.share, **asdict(self)}

    def to_json(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.document(), indent=2, allow_nan=False) + "\n").encode()

    def lines(self) -> Iterator[str]:
        """One line a test, for people."""
        words = {Verdict.PASSED: "ok  ", Verdict.FAILED: "FAIL", Verdict.NOT_APPLICABLE: "n/a "}
        yield f"model tests: {self.share:.0%} passed over {self.rows:,} rows"
        for one in self.tests:
            yield f"  {words[one.verdict]} {one.name:12} {one.detail}"


def from_json(data: bytes | str, source: str = MODEL_TESTS_FILE) -> ModelTestReport:
    """Inverse of ``to_json``; raises ManifestInvalid naming ``source``.

    ``passed`` and ``share`` are computed again from the tests; a file that says otherwise was changed and is refused.
    """
    try:
        document = json.loads(data)
        if document["format"] != _FORMAT:
            raise ManifestInvalid(f"{source} has format {document['format']}; this version reads format {_FORMAT}")
        tests = tuple(Outcome(**{**one, "verdict": Verdict(one["verdict"])}) for one in document["tests"])
        named = {name: document[name] for name in ("model", "sha256", "numerics", "rows", "seed")}
        made = ModelTestReport(tests=tests, **named)
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestInvalid(f"{source}: not a file of model tests ({error!r})") from error
    if (document.get("passed"), document.get("share")) != (made.passed, made.share):
        raise ManifestInvalid(f"{source}: its verdict doesn't follow from its tests: the file was changed")
    return made
