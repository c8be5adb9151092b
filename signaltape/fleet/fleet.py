"""Every process of the pipeline asked at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from infra.settings import Settings
from signaltape.fleet.asking import ask
from signaltape.fleet.targets import targets
from signaltape.fleet.view import View

_MOST_AT_ONCE = 32


class Fleet:
    """Looks at the processes that the settings name, or that this home's announcements do. Safe from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self) -> View:
        """Ask all processes at once; takes as long as the slowest, `fleet.timeout_s` at the most (plus DNS)."""
        found = targets(self._settings)
        at_ns = time.time_ns()
        if not found:
            return View(at_ns=at_ns, processes=())
        timeout_s = self._settings.fleet.timeout_s
        with ThreadPoolExecutor(min(len(found), _MOST_AT_ONCE), thread_name_prefix="fleet") as pool:
            return View(at_ns=at_ns, processes=tuple(pool.map(lambda target: ask(target, timeout_s), found)))
