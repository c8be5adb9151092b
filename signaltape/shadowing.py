"""Starting and stopping shadows; what can't be done is refused before anything is written."""

from infra.errors import OperatorError
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from pipeline.deployments import ModelRef
from signaltape.client.control import new_event
from signaltape.promotion.deciding import deciding
from signaltape.promotion.history import read_decisions
from signaltape.rollout import Activation, issue_and_wait, prepare


class ShadowRefused(OperatorError):
    """A shadow can't be started or stopped as asked; nothing was written."""


def start_shadow(
    settings: Settings, strategy: str, ref: ModelRef, *, effective_from: int = 0, reason: str, deadline_s: float = 30.0
) -> Activation:
    """Let a registered version predict beside a strategy's live model, once every instance has it ready.

    Raises ``UnknownModel``; ``ShadowRefused`` where the strategy has no live model, or the version is live or a shadow
    already; DecisionRefused where another decision is under way; what ``prepare`` and ``issue_and_wait`` raise.
    """
    with deciding(settings, deadline_s):
        ModelRegistry(settings).get(ref.name, ref.version)
        now = read_decisions(settings).deployments.of(strategy)
        if now.live is None:
            raise ShadowRefused(f"strategy {strategy!r} has no live model that {ref} could shadow; promote one first")
        if ref == now.live:
            raise ShadowRefused(f"{ref} is live on {strategy}: it can't shadow itself")
        if ref in now.shadows:
            raise ShadowRefused(f"{ref} shadows {strategy} already")
        prepare(settings, ref, deadline_s=deadline_s)
        event = new_event(
            "shadow", strategy=strategy, model=ref.name, model_version=ref.version, effective_from=effective_from,
            reason=reason,
        )  # fmt: skip
        return issue_and_wait(settings, event, deadline_s=deadline_s)


def stop_shadow(
    settings: Settings, strategy: str, name: str, version: int | None, *, effective_from: int = 0, reason: str,
    deadline_s: float = 30.0,
) -> Activation:  # fmt: skip
    """Stop one version, or all versions of a name (None).

    Raises ``ShadowRefused`` if none of them shadows; DecisionRefused where another decision is under way.
    """
    with deciding(settings, deadline_s):
        now = read_decisions(settings).deployments.of(strategy).shadows
        if not any(ref.name == name and version in (None, ref.version) for ref in now):
            which = name if version is None else f"{name}:{version}"
            raise ShadowRefused(
                f"{which} does not shadow {strategy}; its shadows: {', '.join(map(str, now)) or 'none'}"
            )
        event = new_event(
            "unshadow", strategy=strategy, model=name, model_version=version or 0, effective_from=effective_from,
            reason=reason,
        )  # fmt: skip
        return issue_and_wait(settings, event, deadline_s=deadline_s)
