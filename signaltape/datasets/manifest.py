"""A dataset's manifest: what it was asked for, what it holds, and the digests that say so."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.feature_store import FeatureStoreError
from pipeline.dataset_content import DatasetTerms
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.reading import LeftOut, Member
from signaltape.datasets.request import DatasetRequest, Span

#: Version of the folder's layout.
FORMAT = 1
FEATURE_RULE = "what was known first of each bar: the live row or the one filled in from history, never a correction"
LABEL_RULE = "log return over the horizon: the newest revision that was known at the as-of time"
TIME_RULE = "bars that close after `after` and at or before `until`; times in ns UTC"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Contents of ``manifest.json``.

    ``fingerprint``: SHA-256 over the canonical content. ``numerics``: fingerprint of the building host's arithmetic.
    ``final``: nothing stored later can change what was known at the as-of time. ``git_sha``: empty where unknown.
    """

    fingerprint: str
    numerics: str
    rows: int
    terms: DatasetTerms
    request: DatasetRequest
    universe: tuple[Member, ...]
    left_out: LeftOut
    final: bool
    git_sha: str
    built_at: str

    @property
    def dataset_id(self) -> str:
        """Equal for equal content asked for in the same way: a build that is repeated registers nothing new."""
        named = json.dumps([self.fingerprint, asdict(self.request)], sort_keys=True)
        return hashlib.sha256(named.encode()).hexdigest()[:24]

    def document(self) -> dict[str, Any]:
        """Plain values, with the rules in words."""
        return {
            "format": FORMAT,
            "dataset_id": self.dataset_id,
            **asdict(self),
            "symbols": sum(member.rows > 0 for member in self.universe),
            "rules": {"features": FEATURE_RULE, "label": LABEL_RULE, "times": TIME_RULE},
        }

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(self.document(), indent=2) + "\n"


def from_json(text: str, place: str) -> Manifest:
    """Read a manifest; DatasetError naming ``place`` if it isn't one, or is of another version."""
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise DatasetError(f"{place} has format {values['format']}; this version reads format {FORMAT}")
        made = Manifest(
            terms=DatasetTerms(**{**values["terms"], "features": tuple(values["terms"]["features"])}),
            request=request_of(values["request"]),
            universe=tuple(Member(**one) for one in values["universe"]),
            left_out=LeftOut(**values["left_out"]),
            **{name: values[name] for name in ("fingerprint", "numerics", "rows", "final", "git_sha", "built_at")},
        )
    except (ValueError, KeyError, TypeError, FeatureStoreError) as error:
        raise DatasetError(f"{place} is no manifest of a dataset ({type(error).__name__}: {error})") from error
    if made.dataset_id != values.get("dataset_id"):
        raise DatasetError(f"{place} was changed: its dataset_id doesn't follow from its fingerprint and request")
    return made


def request_of(values: Mapping[str, Any]) -> DatasetRequest:
    """The request of a manifest's plain values. Raises KeyError, TypeError, InvalidRequest for what is none."""
    universe = values["universe"]
    spans = None if universe is None else tuple(Span(**span) for span in universe)
    return DatasetRequest(**{**values, "features": tuple(values["features"]), "universe": spans})
