"""`signaltape status --watch`: the same look again and again, until Ctrl-C."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from rich.console import Console
from rich.live import Live

from infra.settings import Settings
from signaltape.cli.fleet_document import fleet_document
from signaltape.cli.fleet_text import fleet_picture, summary_line
from signaltape.fleet import Fleet, rates


def watch(settings: Settings, servers: Callable[[], Mapping[str, bool]], *, every_s: float, as_json: bool) -> None:
    """Look every `every_s` seconds until Ctrl-C: a picture on a terminal, a line for each look elsewhere.

    as_json: one document a line. servers: which servers of the local stack run.
    """
    fleet, console = Fleet(settings), Console()
    live = console.is_terminal and not as_json
    try:
        with Live(console=console, screen=True, auto_refresh=False) if live else nullcontext() as screen:
            before = fleet.look()
            if isinstance(screen, Live):
                screen.update(fleet_picture(before, {}, servers()), refresh=True)
            while True:
                time.sleep(every_s)
                view = fleet.look()
                per_second = rates(before, view)
                before = view
                if isinstance(screen, Live):
                    screen.update(fleet_picture(view, per_second, servers()), refresh=True)
                elif as_json:
                    print(json.dumps({"servers": dict(servers()), **fleet_document(view, per_second)}), flush=True)
                else:
                    print(summary_line(view, per_second), flush=True)
    except KeyboardInterrupt:
        return
