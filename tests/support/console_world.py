"""One running pipeline with something in it for every page of the console.

What has gone through it, in this order of bar times:

1. 60 symbols (``SIMD…``) of daily bars over 120 sessions, scored by the trained model ``daily:1``; from the middle on
   returns can't be predicted any more, and some symbols freeze: the drift agent has figures and alerts.
2. The run of ``explained_run``: 8 symbols of one-minute bars, strategies alpha, beta and gamma, a swap of alpha's
   model, pauses, a late bar, a revision, rejected bars; with it three symbols whose names are hostile (``HOSTILE``).

The feed of the minute bars stays open, and ``ConsoleWorld.stand`` publishes the next of them one by one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from signaltape.demo.console import Console
from signaltape.demo.fault_part import fault_part
from signaltape.demo.live import publish_part
from signaltape.demo.models import train_models
from signaltape.demo.run import activate
from signaltape.draining import unanswered
from signaltape.initialisation import initialise
from tests.support import explained_run, isolation
from tests.support.api import Api, running_api
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

TOKEN = "a-token-for-the-tests-only"
SERVICES = ("ingest", "features", "inference", "store", "drift", "responder")
#: Markup, a path with a quote, and a name of the greatest length that turns the direction of what follows.
HOSTILE = ("<img src=x onerror=alert(1)>", "../%2F';DROP TABLE bars--", "\u202eRTL" + "é" * 124)
#: Bars that ``Stand.bar`` can publish.
MORE = 240


class Stand:
    """The open feed of the minute bars, and the running services by name."""

    def __init__(self, settings: Settings, services: dict[str, ServiceProcess]) -> None:
        self.settings, self.services = settings, services
        self.symbols = (*explained_run.SYMBOLS, *HOSTILE)
        self.run = explained_run.Run(settings, MORE, HOSTILE)
        self._next = explained_run.CHANGED

    def bar(self, bars: int = 1) -> int:
        """Publish the next bars of all symbols; the close of the last, ns UTC."""
        self.run.publish(range(self._next, self._next + bars))
        self._next += bars
        return explained_run.at(self._next - 1)

    def settled(self, deadline_s: float = 90.0) -> None:
        """Wait until nothing waits before any stage, and no repair is open."""
        settled(self.settings, deadline_s, self.services.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleWorld:
    """``url`` is that of the API, where the console is; ``token`` lets change."""

    settings: Settings
    api: Api
    url: str
    token: str
    stand: Stand


@contextmanager
def console_world(
    endpoints: Endpoints,
    folder: Path,
    beside: Callable[[Settings, ExitStack], None] = lambda settings, ending: None,
    after_daily: Callable[[Settings], None] = lambda settings: None,
    section_every_s: float = 0.0,
    **groups: Any,
) -> Iterator[ConsoleWorld]:
    """Run all services until the block ends; everything has flowed through when it begins.

    ``beside`` starts what watches them from the beginning; ``after_daily`` is called between the two parts.
    ``section_every_s``: wall clock between two days of the first part, so that its rates can be seen.
    """
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    settings = isolation.isolated_settings(
        endpoints,
        folder / "home",
        dsn,
        f"{name}.",
        **{
            # On a machine that does much else, a read or a look may take long; no test is about these limits.
            "api": {"port": 0, "token": TOKEN, "request_timeout_s": 60.0},
            "fleet": {"timeout_s": 10.0},
            "topics": {"prefix": f"{name}.", "partitions": explained_run.PARTITIONS},
            "router": {"dedup_window_s": 150.0},
            **groups,
        },
    )
    initialise(settings)
    with ExitStack() as ending:
        ending.callback(isolation.drop_database, endpoints, name)
        beside(settings, ending)
        services = ending.enter_context(running(settings, *SERVICES))
        api = ending.enter_context(running_api(settings, token=TOKEN))
        daily(settings, section_every_s)
        after_daily(settings)
        explained_run.register_models(settings, folder)
        stand = Stand(settings, services)
        stand.run.stages()
        stand.settled()
        yield ConsoleWorld(settings=settings, api=api, url=f"http://127.0.0.1:{api.port}", token=TOKEN, stand=stand)


def settled(settings: Settings, deadline_s: float = 90.0, services: Iterable[ServiceProcess] = ()) -> None:
    """Wait until nothing waits before any stage, and no repair is open; not longer than each of ``services`` runs."""

    def through() -> bool:
        for service in services:
            service.expect_running()
        with connect(settings) as connection:
            return explained_run.at_rest(settings, connection) and not [*unanswered(settings, connection)]

    wait_for(through, deadline_s, "everything to flow through", 0.1)


def daily(settings: Settings, section_every_s: float = 0.0) -> None:
    """Train a model on daily bars, activate it, and publish the half year that breaks in its middle."""
    quiet, part = Console(quiet=True), replace(fault_part(), section_every_s=section_every_s)
    activate(settings, train_models(settings, [part], quiet))
    publish_part(settings, part, quiet)
