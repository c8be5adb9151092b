"""Which models a backtest runs, and what they were trained on."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.scoring.folder_registry import FolderRegistry
from infra.scoring.manifest import ModelManifest
from infra.scoring.numerics import host_fingerprint
from infra.scoring.port import Registry
from infra.scoring.registry import ModelRegistry
from infra.scoring.untimed import UntimedModels
from infra.settings import Settings
from pipeline.deployments import ModelRef
from schemas.headers import iso_time
from signaltape.backtest.errors import BacktestRefused, BacktestUsageError


def chosen_model(settings: Settings, name: str) -> tuple[Registry, ModelManifest]:
    """A registered model by NAME or NAME:VERSION, or the one in a folder. Raises UnknownModel, BacktestRefused."""
    folder = Path(name)
    if folder.is_dir():
        found = FolderRegistry(folder)
        return found, found.manifest
    model, colon, version = name.partition(":")
    if colon and not version.isdecimal():
        raise BacktestUsageError(f"--model {name}: give NAME, NAME:VERSION, or the folder of a model")
    registry = ModelRegistry(settings)
    return registry, registry.get(model, int(version) if colon else None)


def traded_interval(wanted: str | None, chosen: ModelManifest | None) -> str:
    """The interval that is traded: the one asked for, else the only one of the model."""
    if chosen is None:
        if wanted is None:
            raise BacktestUsageError("--as-live: say which bars are traded with --interval")
        return wanted
    if wanted is None and len(chosen.intervals) == 1:
        return chosen.intervals[0]
    if wanted not in chosen.intervals:
        asked = "give --interval" if wanted is None else f"it says nothing about {wanted}"
        raise BacktestRefused(f"model {chosen.ref} predicts from bars of {', '.join(chosen.intervals)}: {asked}")
    return wanted


def notes_about(chosen: ModelManifest, start: int) -> tuple[str, ...]:
    """What of a model takes away from a result that begins at ``start`` (ns UTC)."""
    notes = []
    tested = chosen.training.get("first_test_time")
    if isinstance(tested, int) and start < tested:
        notes.append(f"{_in_sample(chosen, tested)}; --from {iso_time(tested)} leaves them out")
    if tested is None:
        notes.append(f"{chosen.ref} does not say what it was trained on: whether this range was part of it isn't known")
    if chosen.numerics != host_fingerprint():
        notes.append(
            f"{chosen.ref} was made under the arithmetic {chosen.numerics}, this host has {host_fingerprint()}: scores "
            "agree within tolerances, not bit for bit"
        )
    return tuple(notes)


def notes_about_live(models: UntimedModels, said: Mapping[ModelRef, int]) -> Iterator[str]:
    """Yield which of the models of the record spoke of bars that they had been made from; ``said``: from when on (ns).

    No model could, when history came as it happened; one can where it was published later.
    """
    for ref, since in sorted(said.items()):
        manifest = models.manifest(ref)
        tested = manifest.training.get("first_test_time")
        if isinstance(tested, int) and since < tested:
            yield f"{_in_sample(manifest, tested)}, and it serves here from {iso_time(since)} on"


def _in_sample(manifest: ModelManifest, tested: int) -> str:
    made = f"{manifest.ref} was trained and calibrated on bars before {iso_time(tested)}"
    return f"{made}: what it earns on those is no evidence"
