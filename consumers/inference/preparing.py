"""Loading models before their first bar, when partitions are taken over."""

from collections.abc import Callable, Iterable

from pipeline.deployments import ModelRef
from pipeline.routing.partition import PartitionInference


def prepare_models(prepare: Callable[[ModelRef], str], partitions: Iterable[PartitionInference]) -> str:
    """Prepare the models that serve the next bar, then all that events already received put in force at a later one.

    Returns why models that serve the next bar can't be loaded, "" if all can. One that is due later keeps nothing from
    being served now: it is tried again at its bar.
    """
    serving: dict[ModelRef, None] = {}
    later: dict[ModelRef, None] = {}
    for one in partitions:
        serving.update(dict.fromkeys(ref for strategy in one.deployments.strategies for ref in strategy.serving))
        later.update(dict.fromkeys(one.models_to_come()))
    reasons = [reason for ref in serving if (reason := prepare(ref))]
    for ref in later:
        if ref not in serving:
            prepare(ref)
    return "; ".join(dict.fromkeys(reasons))
