"""What is known of a range before it is computed again, and what of it must be as it was then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.engine_choice import engine_config
from infra.history.extents import Extent, extents, outside_the_log
from infra.scoring.numerics import host_fingerprint
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.verification import (
    call_numerics,
    feature_numerics,
    predicted_to,
    recorded_sets,
    rows_before,
)
from pipeline.digests.tally import set_subject
from pipeline.engine import PartitionEngine
from pipeline.features.catalog import FeatureSet
from pipeline.numerics import fingerprint
from schemas.times import iso
from signaltape.verification.errors import VerificationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked: bar times from ``start`` to ``end`` (ns UTC, both included).

    ``cold``: from the log's first bar instead of a kept state. ``batch_rows``: parts of at most so many rows (None: up
    to three parts a message). ``limit``: how many differences are named.
    """

    start: int
    end: int
    cold: bool = False
    batch_rows: int | None = None
    limit: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is compared, and how. ``numerics``: stage → fingerprints that were recorded; ``own``: those of this host."""

    found: tuple[Extent, ...]
    sets: tuple[FeatureSet, ...]
    loaded: int
    numerics: Mapping[str, frozenset[str]]
    own: Mapping[str, str]
    predicted_to: Mapping[int, int]
    older: Mapping[str, bool]

    @property
    def exact(self) -> dict[str, bool]:
        """Stage → whether bits are compared. Scores are no more exact than the features that they are made of."""
        features = self.numerics["features"] <= {"", self.own["features"]}
        scores = features and self.numerics["predictions"] <= {"", self.own["predictions"]}
        return {"features": features, "corrections": features, "predictions": scores, "signals": scores}

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Subject of each set → names of its columns."""
        return {set_subject(one.name, one.version): one.names for one in self.sets}


def plan(connection: Connection, settings: Settings, question: Question) -> Plan:
    """Look the range up. Raises HistoryError where it holds no bars of the present log, VerificationError.

    Verified is what one log holds: a range that reaches back before it was begun anew is refused.
    """
    found = extents(connection, settings, question.start, question.end)
    loaded = _loaded(connection, settings, question, min(one.first_time for one in found))
    chosen = _sets(connection, settings, found[0], question)
    return Plan(
        found=found,
        sets=chosen,
        loaded=loaded,
        numerics={
            "features": feature_numerics(connection, [one.lane() for one in found]),
            "predictions": call_numerics(connection, question.start, question.end),
        },
        own={"features": fingerprint(), "predictions": host_fingerprint()},
        predicted_to=predicted_to(connection, question.start),
        older=rows_before(connection, question.start),
    )


def _loaded(connection: Connection, settings: Settings, question: Question, first: int) -> int:
    loaded, earlier = outside_the_log(connection, settings, question.start, question.end)
    if earlier:
        raise VerificationError(
            f"{earlier:,} bars of the range are of a log that was begun anew since, whose order isn't kept; bars of "
            f"the present log close from {iso(first)} on: give --from {iso(first)} or later"
        )
    return loaded


def _sets(connection: Connection, settings: Settings, extent: Extent, question: Question) -> tuple[FeatureSet, ...]:
    """The sets of the settings of which rows are stored. Raises VerificationError for one that isn't what it was."""
    known = {one.name: one for one in PartitionEngine(engine_config(settings, extent.partition)).sets}
    recorded = recorded_sets(connection, question.start, question.end)
    for one in recorded:
        here = known.get(one.name)
        name = f"feature set {one.name} v{one.version}"
        if here is None:
            raise VerificationError(
                f"rows of {name} are stored, the settings compute {_named(list(known.values()))}: set "
                f"SIGNALTAPE_ENGINE__FEATURE_SETS to what it was, {_named(recorded)}"
            )
        if (here.version, here.hash) != (one.version, one.hash):
            raise VerificationError(
                f"{name} has changed since: its rows were made under the hash {one.hash}, this release computes "
                f"v{here.version} with the hash {here.hash}. Run `verify` of the release of then"
            )
    names = {one.name for one in recorded}
    return tuple(one for one in known.values() if one.name in names) or tuple(known.values())


def _named(sets: Sequence[object]) -> str:
    return ", ".join(dict.fromkeys(str(one.name) for one in sets))  # type: ignore[attr-defined]
