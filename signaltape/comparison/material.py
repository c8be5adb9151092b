"""Rows on which two models can be judged alike: none that either of them may have learnt from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from infra.scoring.manifest import ModelManifest
from infra.scoring.registry import ModelRegistry
from infra.scoring.scorer import Scorer
from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_comparisons import common_intervals, live_answers
from pipeline.comparison.paired import Answers, Scored
from pipeline.deployments import ModelRef
from pipeline.routing.decision import LONG, OK, SHORT, decide
from signaltape.comparison.errors import ComparisonError
from signaltape.datasets.checking import CheckedDataset
from signaltape.training.dataset import Rows
from signaltape.training.from_dataset import rows_for_model


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Material:
    """Both models' answers, and where they come from.

    ``source``: ``dataset`` or ``live``; ``data``: its fingerprint, or the interval. ``doubts``: why a row may have been
    learnt from, in words.
    """

    answers: Answers
    horizon: int
    source: str
    data: str
    doubts: tuple[str, ...] = ()


class LoadedModel(NamedTuple):
    """A model that can be asked, registered or not."""

    manifest: ModelManifest
    scorer: Scorer


def of_dataset(
    registry: ModelRegistry, checked: CheckedDataset, challenger: ModelRef, champion: ModelRef, start: int | None = None
) -> Material:
    """Load two registered models and let them score the dataset's rows; see ``on_dataset``.

    Raises UnknownModel, ArtifactChanged too.
    """
    old, new = (LoadedModel(*registry.load(ref.name, ref.version)) for ref in (champion, challenger))
    return on_dataset(checked, old, new, start)


def on_dataset(
    checked: CheckedDataset, champion: LoadedModel, challenger: LoadedModel, start: int | None = None
) -> Material:
    """Let both models score the dataset's rows from the bar time ``start`` (ns UTC) on.

    By default from the later of the two models' first test rows on: what lies before was learnt from. A model from
    elsewhere doesn't say where that is, which is a doubt. Raises ComparisonError where models or dataset don't go
    together or no row is left.
    """
    loaded = (champion, challenger)
    manifests = [one.manifest for one in loaded]
    _check_alike(*manifests)
    _check_interval(checked, manifests)
    first, doubts = _first_unseen(manifests) if start is None else (start, ())
    sides, rows = [], None
    for manifest, scorer in loaded:
        rows = rows_for_model(checked, manifest)
        rows = rows.take(rows.event_time >= first)
        sides.append(_answers(manifest, scorer, rows))
    assert rows is not None
    if not len(rows):
        raise ComparisonError(
            "every row of the dataset lies before the test rows of one of the models, which it was made with: build a "
            "dataset of later bars"
        )
    return Material(
        answers=Answers(y=rows.y, event_time=rows.event_time, champion=sides[0], challenger=sides[1]),
        horizon=manifests[0].horizon,
        source="dataset",
        data=checked.manifest.fingerprint,
        doubts=doubts,
    )


def of_live(
    settings: Settings, challenger: ModelRef, champion: ModelRef, interval: str = "", start: int | None = None
) -> Material:
    """Take the stored bars that both models answered, one as a shadow of the other, and whose return is known.

    Raises ComparisonError where there are none, or where they are of several intervals and none is named.
    """
    registry = ModelRegistry(settings)
    manifests = [registry.get(ref.name, ref.version) for ref in (champion, challenger)]
    _check_alike(*manifests)
    horizon = manifests[0].horizon
    first = _first_unseen(manifests)[0] if start is None else start
    with Warehouse(settings, "signaltape-compare") as warehouse:
        chosen = interval or _one_interval(
            warehouse.run(lambda connection: common_intervals(connection, challenger, champion)), challenger, champion
        )
        answers = warehouse.run(
            lambda connection: live_answers(
                connection, challenger, champion, interval=chosen, horizon=horizon, start=first
            )
        )
    if not len(answers.y):
        raise ComparisonError(
            f"{challenger} and {champion} have no bar of {chosen} in common whose return over {horizon} bars is "
            "stored: wait until labels mature; the setting engine.horizons must name that horizon"
        )
    return Material(answers=answers, horizon=horizon, source="live", data=chosen)


def _one_interval(found: dict[str, int], challenger: ModelRef, champion: ModelRef) -> str:
    if not found:
        raise ComparisonError(
            f"no stored bar was answered by both {challenger} and {champion}: let the one run as a shadow of the other"
        )
    if len(found) > 1:
        listed = ", ".join(f"{name} ({count:,} rows)" for name, count in sorted(found.items()))
        raise ComparisonError(f"both models answered bars of several intervals: name one of {listed}")
    return next(iter(found))


def _check_alike(champion: ModelManifest, challenger: ModelManifest) -> None:
    if champion.horizon != challenger.horizon:
        raise ComparisonError(
            f"{champion.ref} predicts {champion.horizon} bars ahead, {challenger.ref} {challenger.horizon}: their "
            "scores mean different things and can't be compared"
        )


def _check_interval(checked: CheckedDataset, manifests: list[ModelManifest]) -> None:
    interval = checked.content.terms.interval
    for manifest in manifests:
        if interval not in manifest.intervals:
            raise ComparisonError(
                f"the dataset holds bars of {interval}, {manifest.ref} serves {', '.join(manifest.intervals)}"
            )


def _first_unseen(manifests: list[ModelManifest]) -> tuple[int, tuple[str, ...]]:
    """The first bar time that none of the models has learnt from, as far as they say it, and which don't."""
    known, doubts = [0], []
    for manifest in manifests:
        first = manifest.training.get("first_test_time")
        if isinstance(first, int):
            known.append(first)
        else:
            doubts.append(f"{manifest.ref} does not say which rows it was made with: it may have learnt from these")
    return max(known), tuple(doubts)


def _answers(manifest: ModelManifest, scorer: Scorer, rows: Rows) -> Scored:
    scores = scorer.score_rows(rows.x)
    status = np.full(len(rows), OK, dtype=np.uint8)
    codes = decide(scores.score, scores.confidence, status, manifest.thresholds)
    return Scored(
        score=scores.score,
        confidence=scores.confidence,
        direction=(codes == LONG).astype(np.float64) - (codes == SHORT).astype(np.float64),
    )
