"""From a dataset on disk to labelled rows, if this program still means the same by its columns."""

import numpy as np

from infra.scoring.manifest import ModelManifest
from pipeline.dataset_content import DatasetContent, DatasetTerms
from pipeline.features import FEATURE_SETS
from signaltape.datasets.checking import CheckedDataset
from signaltape.training.dataset import Dataset, Rows, chosen_features, in_order
from signaltape.training.errors import TrainingError
from signaltape.training.options import TrainOptions


def rows_of_dataset(checked: CheckedDataset, options: TrainOptions) -> Dataset:
    """The rows that training sees; TrainingError if set or horizon don't fit.

    A row matures when its label could be known (not when its bar closed), so that the embargo between training and
    judging spans also holds for labels that came late or were corrected.
    """
    content, manifest = checked.content, checked.manifest
    terms = content.terms
    _check_terms(terms, options)
    return Dataset(
        rows=_rows(content, _columns(terms, options)),
        set_version=terms.set_version,
        set_hash=terms.set_hash,
        intervals=(terms.interval,),
        bars=None,
        refused=manifest.left_out.late,
        unmatured=manifest.left_out.unmatured,
        fingerprint=manifest.fingerprint,
        dataset_id=manifest.dataset_id,
        as_of=manifest.request.as_of,
    )


def rows_for_model(checked: CheckedDataset, manifest: ModelManifest) -> Rows:
    """The rows as a model takes them; TrainingError if its set, horizon or columns are not the dataset's."""
    terms = checked.content.terms
    wanted = TrainOptions(name=manifest.name, horizon=manifest.horizon, feature_set=manifest.feature_set)
    _check_terms(terms, wanted)
    if missing := [name for name in manifest.features if name not in terms.features]:
        raise TrainingError(f"the dataset has no column {', '.join(missing)}, which the model needs")
    return _rows(checked.content, manifest.features)


def _rows(content: DatasetContent, names: tuple[str, ...]) -> Rows:
    columns = [content.terms.features.index(name) for name in names]
    with np.errstate(over="ignore"):
        x = content.values[:, columns].astype(np.float32)
    rows = Rows(
        features=names,
        x=x,
        y=content.label,
        event_time=content.event_time,
        matures=content.label_available_time,
        symbol=content.symbol,
    )
    return in_order(rows)


def _check_terms(terms: DatasetTerms, options: TrainOptions) -> None:
    if terms.feature_set != options.feature_set:
        raise TrainingError(f"the dataset holds the set {terms.feature_set}, asked for is {options.feature_set}")
    if terms.horizon != options.horizon:
        raise TrainingError(
            f"the dataset's label is the return over {terms.horizon} bars, asked for are {options.horizon}"
        )
    known = FEATURE_SETS.get(terms.feature_set)
    if known is None:
        raise TrainingError(f"the dataset's feature set {terms.feature_set!r} is not installed here")
    if (known.version, known.hash) != (terms.set_version, terms.set_hash):
        raise TrainingError(
            f"the dataset was built from {terms.feature_set} version {terms.set_version} with hash {terms.set_hash}; "
            f"this program computes version {known.version} with hash {known.hash}: a model of it would see other "
            "numbers than it was trained on. Build the dataset from rows of this version"
        )


def _columns(terms: DatasetTerms, options: TrainOptions) -> tuple[str, ...]:
    """The columns asked for, which the dataset must have; else those of its own that are free of units."""
    wanted = chosen_features(options)
    missing = [name for name in wanted if name not in terms.features]
    if options.features and missing:
        raise TrainingError(f"the dataset has no column {', '.join(missing)}; it has {', '.join(terms.features)}")
    found = tuple(name for name in wanted if name in terms.features)
    if not found:
        raise TrainingError("every column of the dataset is in price or share units: name the columns to train on")
    return found
