"""A replay out of the store at full speed, beside the live pipeline's own rate on the same bars."""

from typing import Any

from pipeline.replay.naming import ReplayName
from signaltape.bench import pipeline
from signaltape.demo.console import Console
from signaltape.demo.parts import Part
from signaltape.demo.scene import Scene
from signaltape.replay.place import ReplayPlace
from signaltape.replay.request import ReplayRequest
from signaltape.replay.run import Listener, run_replay


def run(active: Scene, part: Part, console: Console) -> dict[str, Any]:
    """Publish ``part`` through the live services, then replay all of it; return both rates and their ratio.

    Both clocks run from the first bar to the last effect: topics and agents of the replay are there before. The live
    services wait meanwhile, on the same machine.
    """
    live = pipeline.run(active, part, console)
    start = min(int(stretch.live.event_time.min()) for stretch in part.stretches)
    end = max(int(stretch.live.event_time.max()) for stretch in part.stretches)
    place = ReplayPlace(ReplayName("bench"), active.settings)
    with console.step("replaying the same bars"):
        report = run_replay(
            place, ReplayRequest(name=place.name, start=start, end=end), Listener(say=console.say), remove=True
        )
    bars = report.lead_bars + report.bars
    rate = round(bars / report.active_seconds)
    return {
        "bars": bars,
        "live_bars_per_second": live["bars_per_second"],
        "replay_bars_per_second": rate,
        "ratio": round(rate / live["bars_per_second"], 2),
        "whole_seconds": report.seconds,
    }
