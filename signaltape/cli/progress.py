"""Progress on stderr, only where a person looks at it; elsewhere a line every few seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.warehouse.moments import to_moment
from signaltape.backtest.result import Moved


@contextmanager
def bar_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar over ``total`` bars; yield the function that moves it on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def reached() -> Iterator[Callable[[Moved], None]]:
    """Show how many bars of a backtest were taken, and the event time reached; yield what moves it on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=None)

        def show(moved: Moved) -> None:
            if console.is_terminal:
                lead_in = moved.event_time < moved.start
                said = f"{'lead-in ' if lead_in else ''}{to_moment(moved.event_time):%Y-%m-%d %H:%M}"
                progress.update(task, description=said, total=moved.of, advance=0 if lead_in else moved.bars)

        yield show
