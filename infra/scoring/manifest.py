"""The manifest of a model: what it was made for, how its scores are read, and the checksums of its files."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from infra.scoring.errors import ManifestInvalid
from pipeline.deployments import ModelRef
from pipeline.drift.population_stability import Reference
from pipeline.drift.training_reference import from_plain
from pipeline.routing.decision import Thresholds
from pipeline.routing.model_port import FALLBACKS, ModelTerms
from schemas.intervals import INTERVALS

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelManifest:
    """Everything that serving a model needs beside its ONNX file.

    ``features`` are the model's inputs in order, columns of ``feature_set`` at ``set_version`` with ``set_hash``.
    ``horizon`` in bars, ``deadline_ms`` per call, ``thresholds`` and ``default_score`` in expected log return over
    the horizon. ``version`` is 0 until the model is registered. ``sha256`` is that of ``onnx_file``; both files lie
    in one folder. ``psi_reference`` sketches the scores of the training rows (inner edges and counts; the outer bins
    are open), ``drift_reference`` holds what else drift is judged against (`pipeline.drift.training_reference`); None
    where they aren't known. ``numerics`` is the fingerprint of the host that made the golden vectors.
    ``irrelevant`` names inputs whose value never changes an output (a column that no tree splits on): a model test
    holds it to that.
    ``training`` holds how it came about: data, parameters, rules, largest difference between ONNX and native model.
    """

    name: str
    feature_set: str
    set_version: int
    set_hash: str
    features: tuple[str, ...]
    intervals: tuple[str, ...]
    horizon: int
    thresholds: Thresholds
    version: int = 0
    family: str = ""
    strategy_type: str = ""
    description: str = ""
    fallback: str = "skip"
    default_score: float = 0.0
    deadline_ms: float = 100.0
    onnx_file: str = "model.onnx"
    sha256: str = ""
    golden_file: str = "golden.json"
    golden_sha256: str = ""
    numerics: str = ""
    psi_reference: Reference | None = None
    drift_reference: Mapping[str, Any] | None = None
    irrelevant: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ok, name, rule in _rules(self):
            if not ok:
                raise ManifestInvalid(f"manifest of model {self.name!r}, field {name}: {rule}")

    @property
    def ref(self) -> ModelRef:
        """Name and version."""
        return ModelRef(name=self.name, version=self.version)

    def terms(self) -> ModelTerms:
        """What the router needs to know of the model."""
        return ModelTerms(
            ref=self.ref,
            sha256=self.sha256,
            feature_set=self.feature_set,
            set_version=self.set_version,
            set_hash=self.set_hash,
            intervals=self.intervals,
            horizon=self.horizon,
            thresholds=self.thresholds,
            fallback=self.fallback,
            default_score=self.default_score,
        )

    def document(self) -> dict[str, Any]:
        """Plain values, as they stand in JSON."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found["thresholds"] = asdict(self.thresholds)
        found["psi_reference"] = None if self.psi_reference is None else asdict(self.psi_reference)
        found["training"] = dict(self.training)
        return found

    def to_json(self) -> str:
        """Indented JSON, the same text for equal manifests. Raises ManifestInvalid for a value JSON can't hold."""
        try:
            return json.dumps(self.document(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ManifestInvalid(f"manifest of model {self.name!r}: {error}") from error


def _rules(manifest: ModelManifest) -> list[tuple[bool, str, str]]:
    terms = manifest.thresholds
    numbers = (terms.long, terms.short, terms.min_confidence)
    known = ", ".join(INTERVALS)
    return [
        (bool(NAME.fullmatch(manifest.name)), "name", "lower-case letters, digits, - and _ (64 at the most)"),
        (manifest.version >= 0, "version", "must not be negative"),
        (manifest.set_version >= 1, "set_version", "must be at least 1"),
        (bool(manifest.features), "features", "must name at least one column"),
        (len(set(manifest.features)) == len(manifest.features), "features", "names a column twice"),
        (set(manifest.irrelevant) <= set(manifest.features), "irrelevant", "must be of the features"),
        (bool(manifest.intervals), "intervals", f"must name at least one of {known}"),
        (set(manifest.intervals) <= set(INTERVALS), "intervals", f"must be of {known}"),
        (manifest.horizon >= 1, "horizon", "must be at least one bar"),
        (all(map(math.isfinite, numbers)), "thresholds", "must be finite"),
        (terms.short < terms.long, "thresholds", "short must lie below long"),
        (0 <= terms.min_confidence <= 1, "thresholds", "min_confidence must lie in [0, 1]"),
        (manifest.fallback in FALLBACKS, "fallback", f"must be one of {', '.join(FALLBACKS)}"),
        (math.isfinite(manifest.default_score), "default_score", "must be finite"),
        (0 < manifest.deadline_ms < math.inf, "deadline_ms", "must be above 0"),
        (bool(_FILE.fullmatch(manifest.onnx_file)), "onnx_file", "must be a file name without a folder"),
        (bool(_FILE.fullmatch(manifest.golden_file)), "golden_file", "must be a file name without a folder"),
        (bool(_SHA256.fullmatch(manifest.sha256)), "sha256", "must be 64 hex digits"),
        (bool(_SHA256.fullmatch(manifest.golden_sha256)), "golden_sha256", "must be 64 hex digits"),
    ]


def from_json(text: str, source: str = "manifest") -> ModelManifest:
    """Read a manifest; ``source`` names it in errors. Raises ManifestInvalid naming the field."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ManifestInvalid(f"{source}: not JSON ({error})") from error
    return from_document(document, source)


def from_document(document: Any, source: str = "manifest") -> ModelManifest:
    """The same from plain values. An unknown key is refused: it may be a misspelt one."""
    if not isinstance(document, Mapping):
        raise ManifestInvalid(f"{source}: must be a JSON object")
    table = {one.name: one for one in fields(ModelManifest)}
    unknown = sorted(set(document) - set(table))
    if unknown:
        raise ManifestInvalid(f"{source}: unknown field {', '.join(unknown)}; known are {', '.join(table)}")
    missing = [
        name
        for name, one in table.items()
        if name not in document and one.default is MISSING and one.default_factory is MISSING
    ]
    if missing:
        raise ManifestInvalid(f"{source}: field {', '.join(missing)} is missing")
    values = {}
    for name, value in document.items():
        try:
            reader: Callable[[Any], Any] = _READERS.get(name, _text)
            values[name] = reader(value)
        except (TypeError, ValueError, KeyError) as error:
            raise ManifestInvalid(f"{source}, field {name}: {error}") from error
    return ModelManifest(**values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be text, not {value!r}")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"must be a whole number, not {value!r}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"must be a number, not {value!r}")
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"must be a list of texts, not {value!r}")
    return tuple(_text(one) for one in value)


def _thresholds(value: Any) -> Thresholds:
    if not isinstance(value, Mapping) or not {"long", "short"} <= set(value) <= {"long", "short", "min_confidence"}:
        raise TypeError("must be an object of long, short and, if wanted, min_confidence")
    return Thresholds(**{name: _number(one) for name, one in value.items()})


def _reference(value: Any) -> Reference | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"edges", "counts"}:
        raise TypeError("must be null or an object of edges and counts")
    return Reference(
        edges=tuple(_number(one) for one in value["edges"]), counts=tuple(_integer(one) for one in value["counts"])
    )


def _drift_reference(value: Any) -> Mapping[str, Any] | None:
    """The plain form, after it was seen to be whole; the sketch of the scores is ``psi_reference``."""
    if value is None:
        return None
    document = _object(value)
    try:
        from_plain(document)
    except KeyError as error:
        raise TypeError(f"{error} is missing") from error
    return document


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be an object, not {value!r}")
    return dict(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "set_version": _integer,
    "version": _integer,
    "horizon": _integer,
    "default_score": _number,
    "deadline_ms": _number,
    "features": _texts,
    "intervals": _texts,
    "irrelevant": _texts,
    "thresholds": _thresholds,
    "psi_reference": _reference,
    "drift_reference": _drift_reference,
    "training": _object,
}
