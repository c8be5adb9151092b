"""How long each step took, as far as it is recorded: broker's times while topics keep them, times of storing."""

from typing import Any

from pipeline.explanation.facts import Moment
from signaltape.explanation.published import Published


def latency(moment: Moment, told: Published) -> dict[str, Any]:
    """Steps in the order of the flow, each with its time (ns UTC) and the time since the bar was published.

    ``since_bar_ms`` is None where the topic no longer has the bar, and for the time at which the bar was available,
    which says nothing of this system. Published times are the broker's, in ms; stored times are the transactions'.
    """
    bar = moment.bar
    if bar is None:
        return {"steps": [], "missing": told.missing, "model_latency_ns": {}}
    steps: list[tuple[str, int]] = [("bar available", bar.available_time)]
    steps += [("bar published", told.times["bars"])] if "bars" in told.times else []
    steps += [("prediction published", told.times["predictions"])] if "predictions" in told.times else []
    steps += [("signal published", told.times["signals"])] if "signals" in told.times else []
    steps.append(("bar stored", bar.ingest_time))
    steps += [("features stored", one.ingest_time) for one in moment.vectors[:1]]
    steps += [("prediction stored", one.ingest_time) for one in moment.rows[:1]]
    steps += [("signal stored", moment.signal.ingest_time)] if moment.signal is not None else []
    return {
        "steps": [
            {"step": name, "time": time, "since_bar_ms": _since(name, time, told.times.get("bars"))}
            for name, time in steps
        ],
        "missing": told.missing,
        "model_latency_ns": {f"{one.strategy} {one.role} {one.ref}": one.model_latency_ns for one in moment.calls},
    }


def _since(step: str, time: int, begin: int | None) -> float | None:
    return None if begin is None or step == "bar available" else (time - begin) / 1e6
