"""Whether a step that was decided still makes sense when it comes to be published."""

from pipeline.deployments import ModelRef
from pipeline.guard.state import InForce, Veto
from schemas.control import ControlEvent
from schemas.intervals import SECOND


def outdated(
    event: ControlEvent, replaced: ModelRef | None, now: InForce, veto: Veto | None, at: int, *, max_age_s: float
) -> str:
    """Return why an event must not be published any more, "" if it may. ``at``: now (ns UTC).

    A person may have decided meanwhile: that word stands. A step that could not be written for over ``max_age_s``
    (Kafka was away) answers a trouble of the past.
    """
    if (age := (at - event.issued_at) / SECOND) > max_age_s:
        return f"decided {age / 3_600:.1f} h ago and not written since, over {max_age_s / 3_600:.1f} h"
    if veto is not None and veto.active(at):
        return f"vetoed meanwhile by {veto.by_whom}: {veto.reason}"
    live = now.live(event.strategy)
    if replaced is not None and live != replaced:
        return f"{live} has become live meanwhile, in the place of {replaced}"
    if event.action == "position_scale":
        scale = now.least_scale(event.strategy)
        if scale <= event.parameters["scale"]:
            return f"position_scale is {scale:g} by now"
    if event.action == "pause" and now.paused(event.strategy):
        return "the strategy is paused by now"
    return ""
