"""What `signaltape bench backtest` and `bench replay` run."""

from typing import Any

from signaltape.cli.bench_scene import bench_scene


def run_backtest() -> dict[str, Any]:
    """Without servers."""
    from signaltape.bench import backtest as measured
    from signaltape.demo.console import Console

    console = Console()
    with console.step("backtests"):
        return measured.run(console.say)


def run_stored() -> dict[str, Any]:
    """Out of the store."""
    from signaltape.bench import backtest_store
    from signaltape.demo.console import Console

    console = Console()
    with bench_scene(console) as active, console.step("backtests out of the store"):
        place = backtest_store.Place(settings=active.settings, folder=active.folder, environment=active.environment)
        return backtest_store.run(place, console.say)


def run_replay() -> dict[str, Any]:
    """A replay beside the live pipeline."""
    from signaltape.bench import replay as measured
    from signaltape.bench.prepared import running_pipeline
    from signaltape.demo.console import Console
    from signaltape.demo.parts import simulated_part

    console = Console()
    part = simulated_part(500, 7, 0.0)
    with bench_scene(console) as active, running_pipeline(active, [part], console):
        return measured.run(active, part, console)
