"""What a gateway is told about a control event that reached its partition."""

from pipeline.control import Applied
from pipeline.deployments import Deployments, experiment_of
from pipeline.experiments.events import is_stop
from schemas.control import ControlEvent
from schemas.signals import Notice

_KINDS = {
    "activate": "swapped",
    "rollback": "swapped",
    "shadow": "shadowed",
    "unshadow": "shadowed",
    "pause": "paused",
    "resume": "resumed",
    "position_scale": "scaled",
    "parameters": "parameters",
    "experiment": "experiment",
}


def control_notices(applied: Applied, before: Deployments, partition: int, first_seq: int) -> list[Notice]:
    """Return the notices of one received event: what changes, from which event time on, and whether it came late.

    One notice a received event, and a second of kind ``control_late`` where the partition had passed the time asked
    for. None for an event received before. ``event_time`` is the time from which it acts here (``effective_p``).
    """
    if applied.repeated:
        return []
    event = applied.event
    told = [("refused", applied.refused)] if applied.refused else [(_KINDS[event.action], _detail(applied, before))]
    if applied.late and not applied.refused:
        told.append(("control_late", f"asked for {event.effective_from}, acts from {applied.effective_p} here"))
    return [
        Notice(
            seq=first_seq + number,
            partition=partition,
            kind=kind,
            event_time=applied.effective_p,
            strategy=event.strategy,
            model=f"{event.model}:{event.model_version}" if event.model else "",
            symbols=event.symbols,
            control_offset=event.control_offset,
            detail=detail,
        )
        for number, (kind, detail) in enumerate(told)
    ]


def _detail(applied: Applied, before: Deployments) -> str:
    event = applied.event
    match event.action:
        case "activate" | "rollback":
            was = next((held for held in before.strategies if held.name == event.strategy), None)
            old = str(was.live) if was and was.live is not None else "no model"
            ends = f", ends experiment {was.experiment.name}" if was and was.experiment else ""
            return f"{event.action}: {old} -> {event.model}:{event.model_version}{ends}"
        case "experiment":
            return _experiment(event)
        case "parameters":
            return ", ".join(f"{name}={value}" for name, value in sorted(event.parameters.items()))
        case "position_scale":
            return f"scale={event.parameters['scale']}"
        case "shadow" | "unshadow":
            return event.action
        case _:
            return event.reason


def _experiment(event: ControlEvent) -> str:
    if is_stop(event):
        return f"stop {event.parameters['experiment']}"
    test = experiment_of(event)
    control, arm = test.scales
    return f"start {test.name}: ratio={test.ratio:g}, position scale control={control:g} arm={arm:g}"
