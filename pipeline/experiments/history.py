"""Which experiments ran, and how each ended: the same reading of control events as ``deployments.fold``."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.deployments import Experiment, ModelRef, experiment_of
from pipeline.experiments.events import is_stop
from schemas.control import ControlEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One run of an experiment: ``control`` is the model that was live, ``ended`` by which event (None: it runs)."""

    strategy: str
    experiment: Experiment
    control: ModelRef
    started: ControlEvent
    ended: ControlEvent | None = None

    @property
    def status(self) -> str:
        """Whether it runs, or how it ended."""
        end = self.ended
        if end is None:
            return "running"
        if end.action == "experiment":
            return "stopped" if is_stop(end) else f"replaced by {end.parameters['experiment']}"
        return f"ended by {end.action} of {end.model}:{end.model_version}"


def spans(events: Iterable[ControlEvent]) -> list[Span]:
    """Return the runs in the order of their starts; events in the order of effect, without those that were refused."""
    found: list[Span] = []
    running: dict[str, int] = {}
    live: dict[str, ModelRef] = {}

    def end(event: ControlEvent) -> None:
        if (place := running.pop(event.strategy, None)) is not None:
            found[place] = replace(found[place], ended=event)

    for event in events:
        if event.action in ("activate", "rollback"):
            end(event)
            live[event.strategy] = ModelRef(name=event.model, version=event.model_version)
        elif event.action == "experiment" and is_stop(event):
            place = running.get(event.strategy)
            if place is not None and found[place].experiment.name == event.parameters["experiment"]:
                end(event)
        elif event.action == "experiment" and event.strategy in live:
            end(event)
            running[event.strategy] = len(found)
            found.append(
                Span(
                    strategy=event.strategy,
                    experiment=experiment_of(event),
                    control=live[event.strategy],
                    started=event,
                )
            )
    return found
