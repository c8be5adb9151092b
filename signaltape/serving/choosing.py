"""Which model answers: the one that a question names, or the one that is live."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from infra.scoring.errors import UnknownModel
from infra.scoring.manifest import ModelManifest
from pipeline.deployments import Deployments, ModelRef, Share, Strategy
from pipeline.routing.model_port import Answer, ModelPort, ModelTerms, ModelUnavailable
from schemas.features import FeatureBatch
from signaltape.serving.errors import ServingError


class ServedModels(ModelPort, Protocol):
    """Models by reference, with their manifests; ``consumers.inference.models.LoadedModels``."""

    def manifest(self, ref: ModelRef) -> ModelManifest:
        """Return a model's manifest. Raises ``ModelUnavailable``."""
        ...

    def prepare(self, ref: ModelRef) -> str:
        """Load a model; returns "" or the reason why it can't be."""
        ...

    def deployed(self, refs: Iterable[ModelRef]) -> None:
        """Say which models are in force now: they stay loaded."""
        ...

    def call(self, ref: ModelRef, batch: FeatureBatch, *, supplied: bool = False) -> Answer:
        """Score a batch; ``supplied``: its rows are a caller's own. Raises ``ModelUnavailable``."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a question says about the model: a version of it, or a strategy, or neither; and the bars' interval."""

    interval: str
    model: ModelRef | None = None
    strategy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Who answers; ``strategy`` has no name where the model is not live. ``scale``: position scale of its role."""

    ref: ModelRef
    terms: ModelTerms
    strategy: Strategy
    interval: str
    scale: float = 1.0


def served_by(strategy: Strategy, symbol: str) -> Share | None:
    """Who serves a symbol: the live model or the arm of its experiment; None where no model is live.

    Rows without a symbol ("") are the live model's: an experiment shares out symbols, and they are none.
    """
    shares = strategy.shares((symbol,))
    if not symbol:
        return next((share for share in shares if share.role == "live"), None)
    return next((share for share in shares if share.rows is None or share.rows[0]), None)


def choose(deployments: Deployments, wanted: Wanted, models: ServedModels, symbol: str = "") -> Chosen:
    """Return who answers for ``symbol`` ("": for rows without one). Raises ``ServingError``, ``ModelUnavailable``."""
    if wanted.model is None:
        strategy, share = _share(deployments, wanted, models, symbol)
    else:
        using = [one for one in deployments.strategies if wanted.model in one.serving]
        strategy, share = using[0] if using else Strategy(name=""), Share(ref=wanted.model, role="live")
    chosen = Chosen(
        ref=share.ref,
        terms=_terms(models, share.ref, wanted),
        strategy=strategy,
        interval=wanted.interval,
        scale=share.scale,
    )
    if wanted.interval not in chosen.terms.intervals:
        known = ", ".join(chosen.terms.intervals)
        raise ServingError("wrong_interval", f"model {chosen.ref} predicts from {known} bars", "interval")
    return chosen


def _terms(models: ServedModels, ref: ModelRef, wanted: Wanted) -> ModelTerms:
    try:
        return models.terms(ref)
    except ModelUnavailable as error:
        # One that is in force but not in the registry is our fault, and not the question's.
        if wanted.model is not None and isinstance(error.__cause__, UnknownModel):
            raise ServingError("unknown_model", str(error), "model") from error
        raise


def _share(deployments: Deployments, wanted: Wanted, models: ServedModels, symbol: str) -> tuple[Strategy, Share]:
    live = [(one, share) for one in deployments.strategies if (share := served_by(one, symbol)) is not None]
    if wanted.strategy:
        live = [(one, share) for one, share in live if one.name == wanted.strategy]
        if not live:
            raise ServingError("no_live_model", f"no model is live for strategy {wanted.strategy!r:.140}", "strategy")
    else:
        live = [(one, share) for one, share in live if wanted.interval in models.terms(share.ref).intervals]
    if not live:
        raise ServingError("no_live_model", f"no live model predicts from {wanted.interval} bars; name one", "model")
    if len(live) > 1:
        names = ", ".join(one.name for one, _ in live)
        raise ServingError("ambiguous", f"several strategies are live ({names}): name one of them", "strategy")
    return live[0]
