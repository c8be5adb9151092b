"""Fits one model to the training rows, calibrates it on the validation rows, and judges it on those held out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from infra.scoring.scorer import RowScorer, Scores
from infra.scoring.session import Session
from infra.warehouse.models import ModelMetric
from pipeline.routing.decision import Thresholds
from schemas.fields import F8Array
from signaltape.training.calibration import Calibration, fit_calibration, thresholds_of
from signaltape.training.dataset import F4Array, Rows
from signaltape.training.errors import TrainingError
from signaltape.training.evaluation import evaluate, metric_rows
from signaltape.training.families import family_of
from signaltape.training.fitted import Fitted
from signaltape.training.graph import score_graph
from signaltape.training.heads import ClassHead, Head, ReturnHead, fit_class_head
from signaltape.training.options import TrainOptions
from signaltape.training.parity import Parity, compare
from signaltape.training.splitting import Split
from signaltape.training.task import Task

_SOURCE = "trained model"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FittedModel:
    """The finished graph; ``files``: the native form by file name; ``train_score``: float64 (training rows,).

    ``importance``: what the fit says of each column, by kind, float64 (features,) each.
    """

    onnx: bytes
    files: Mapping[str, bytes]
    session: Session
    train_score: F8Array
    thresholds: Thresholds
    head: Head
    parity: Parity
    parameters: Mapping[str, float]
    importance: Mapping[str, F8Array]


def fit_model(split: Split, options: TrainOptions, every: F4Array | None = None) -> FittedModel:
    """Fit as the options say; ``every``: rows on which both forms must agree. [default: those of the three spans]

    Raises TrainingError where there is nothing to learn, or where the forms don't agree.
    """
    family = family_of(options.family)
    parameters = family.parameters(options.parameters)
    task, plain = _task(split.train, options, parameters)
    fitted = family.fit(task)
    width = split.train.x.shape[1]
    raw = Session(score_graph(fitted.part, width, plain), width, _SOURCE)
    spread = _spread(raw, split.train.x)
    head = _calibrated(plain, fitted, raw, split.validation, spread)
    onnx = score_graph(fitted.part, width, head)
    session = Session(onnx, width, _SOURCE)
    train_score = scores_of(session, split.train.x).score
    if every is None:
        every = np.concatenate([part.x for part in (split.train, split.validation, split.test)])
    return FittedModel(
        onnx=onnx,
        files=dict(fitted.files),
        session=session,
        train_score=train_score,
        thresholds=thresholds_of(train_score, options.long_quantile, options.short_quantile, options.min_confidence),
        head=head,
        parity=compare(fitted, head, session, every, float(np.std(train_score))),
        parameters=parameters,
        importance=dict(fitted.importance),
    )


def judge(spans: Mapping[str, Rows], options: TrainOptions, session: Session) -> list[ModelMetric]:
    """Metrics of rows by the name of their span, with confidence intervals where there is time enough for them."""
    found: list[ModelMetric] = []
    for name, rows in spans.items():
        scores = scores_of(session, rows.x)
        classes = options.target == "classification"
        estimates = evaluate(rows, scores.score, scores.confidence, options.horizon, options.seed, classes=classes)
        found += metric_rows(name, estimates)
    return found


def scores_of(session: Session, x: F4Array) -> Scores:
    """Scores of rows, float32 (n, features)."""
    return RowScorer(session).score_rows(x)


def _task(train: Rows, options: TrainOptions, parameters: Mapping[str, float]) -> tuple[Task, Head]:
    """What the family is to fit, and the head that its predictions have before they are calibrated."""
    unit = float(np.std(train.y))
    if unit == 0.0:
        raise TrainingError("all training returns are equal: there is nothing to learn from these bars")
    if options.target == "regression":
        x, y = train.x, train.y / unit
        plain: Head = ReturnHead(unit=unit, calibration=Calibration())
    else:
        signed = train.y != 0.0
        x, y = train.x[signed], (train.y[signed] > 0.0).astype(np.float64)
        if y.min() == y.max():
            raise TrainingError("all training returns have one sign: there are no two classes to tell apart")
        plain = ClassHead(size=float(np.mean(np.abs(train.y))))
    return Task(x=x, y=y, target=options.target, parameters=parameters, seed=options.seed), plain


def _spread(raw: Session, x: F4Array) -> float:
    """Standard deviation of the training scores before calibration."""
    score = scores_of(raw, x).score
    spread = float(np.std(score))
    if spread <= 1e-9 + 1e-6 * float(np.abs(score).max()):
        raise TrainingError(
            "the model gives every training row the same score: it has learnt nothing. Give more bars, or let it "
            "learn more (fewer rows per leaf, a smaller penalty)"
        )
    return spread


def _calibrated(plain: Head, fitted: Fitted, raw: Session, validation: Rows, spread: float) -> Head:
    if isinstance(plain, ClassHead):
        return fit_class_head(fitted.predict(validation.x), validation.y, plain.size)
    assert isinstance(plain, ReturnHead)
    calibration = fit_calibration(scores_of(raw, validation.x).score, validation.y, spread)
    return ReturnHead(unit=plain.unit, calibration=calibration)
