"""The inference consumer with a rule of its exactly-once broken, to see that the comparisons would notice.

`python -m tests.support.planted_inference NAME` runs it as a service; it dies at the crash point `planted`.
"""

import sys
from collections.abc import Mapping
from typing import Any

from consumers.inference import main
from consumers.inference.commit_metadata import CommitMetadata
from consumers.inference.intake import Closed, Taken
from consumers.inference.loop import InferenceLoop
from consumers.inference.restore import Restorer
from infra.crash_points import reach
from infra.settings import load_settings
from pipeline.routing.router_state import RouterState


class OffsetsFirst(InferenceLoop):
    """Commits the offsets in a transaction of their own, before what they stand for."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._held: list[Closed] = []

    def _send(self, closed: Closed) -> None:
        self._held.append(closed)

    def _complete(self, taken: Taken) -> None:
        super()._complete(taken)
        reach("planted")
        held, self._held = self._held, []
        for closed in held:
            super()._send(closed)
        self._transactions.commit()


class OffsetsLater(InferenceLoop):
    """Commits what it produced first, and the offsets in a transaction of their own."""

    def _complete(self, taken: Taken) -> None:
        self._transactions.begin()
        self._transactions.commit()
        reach("planted")
        super()._complete(taken)


class ForgetfulRestorer(Restorer):
    """Starts with an empty router: what was emitted is not known any more."""

    def _router_states(self, found: Mapping[int, CommitMetadata]) -> tuple[dict[int, RouterState], dict[int, float]]:
        return {number: RouterState() for number in found}, {}


class Forgetful(InferenceLoop):
    """Dies after a commit, in perfect order; its successor is what is wrong."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._restorer = ForgetfulRestorer(arguments[0], options["models"])

    def _complete(self, taken: Taken) -> None:
        super()._complete(taken)
        reach("planted")


FAULTS: dict[str, type[InferenceLoop]] = {
    "offsets before the signals": OffsetsFirst,
    "offsets after the signals": OffsetsLater,
    "router state forgotten": Forgetful,
}

if __name__ == "__main__":
    main.InferenceLoop = FAULTS[sys.argv[1]]  # type: ignore[misc]
    sys.exit(main.run(load_settings()))
