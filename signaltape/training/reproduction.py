"""Trains a model again from what was recorded of it, and says item by item what is the same."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from infra.build import git_sha
from infra.scoring.manifest import ModelManifest
from infra.warehouse.models import TrainingRun
from signaltape.datasets.checking import CheckedDataset
from signaltape.training.errors import TrainingError
from signaltape.training.options import TrainOptions
from signaltape.training.workflow import train_on_dataset

WEIGHTS = "weights (SHA-256)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One line of the check-list: what was recorded with the model, and what there is now."""

    name: str
    was: str
    now: str

    @property
    def same(self) -> bool:
        """Whether both are equal."""
        return self.was == self.now


def reproduce(manifest: ModelManifest, run: TrainingRun, checked: CheckedDataset, folder: Path) -> tuple[Item, ...]:
    """Train into ``folder`` with the recorded options; the check-list, the weights last.

    If the weights differ, the other items that differ are why: another host's arithmetic, other libraries, other code.
    Raises TrainingError if the model was made of other data, or with options that this program does not have.
    """
    found = checked.manifest.fingerprint
    if found != run.dataset_fingerprint:
        raise TrainingError(
            f"{manifest.name}:{manifest.version} was trained on the fingerprint {run.dataset_fingerprint}, this "
            f"dataset has {found}: give the dataset that its manifest names"
        )
    made = train_on_dataset(checked, options_of(run), folder).manifest
    before, after = (dict(one.training.get("libraries", {})) for one in (manifest, made))
    pairs = [
        ("dataset", run.dataset_fingerprint, found),
        ("feature set", *(f"{one.feature_set}:{one.set_version} {one.set_hash}" for one in (manifest, made))),
        ("features", *(",".join(one.features) for one in (manifest, made))),
        ("parameters", *(repr(sorted(dict(one.training.get("parameters", {})).items())) for one in (manifest, made))),
        ("seed", *(str(one.training.get("seed")) for one in (manifest, made))),
        ("git SHA", run.git_sha, git_sha()),
        ("numerics", manifest.numerics, made.numerics),
        *((name, before.get(name, "unknown"), after.get(name, "unknown")) for name in sorted({*before, *after})),
        (WEIGHTS, manifest.sha256, made.sha256),
    ]
    return tuple(Item(name=name, was=was, now=now) for name, was, now in pairs)


def options_of(run: TrainingRun) -> TrainOptions:
    """The options that a run was made with, but for folds. Raises TrainingError for one that is not known here."""
    # The folds judge the options; they have no part in the model.
    return replace(options_from(run.parameters, f"the run {run.run_id}"), walk_forward=0)


def options_from(document: Mapping[str, Any], source: str) -> TrainOptions:
    """Inverse of ``TrainOptions.document``. Raises TrainingError naming ``source`` for an option not known here."""
    known = {one.name for one in fields(TrainOptions)}
    if unknown := sorted(set(document) - known):
        raise TrainingError(f"{source} has the option {unknown[0]}, which this version does not know")
    # JSON keeps no tuples.
    given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in document.items()}
    return TrainOptions(**given)
