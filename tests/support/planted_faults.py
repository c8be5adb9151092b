"""The feature agent with its steps in a wrong order, to see that the comparisons would notice.

`python -m tests.support.planted_faults NAME` runs it as a service; it dies at the crash point `planted`.
"""

import functools
import sys
from collections.abc import Mapping, Sequence

from consumers.feature_agent.agent import FeatureAgent
from consumers.feature_agent.effects import EffectThread
from consumers.feature_agent.main import body
from consumers.feature_agent.work import PartitionWork, Snapshot
from consumers.service import run_service
from consumers.shell import Committer, Patience
from infra.crash_points import reach
from infra.settings import Settings, load_settings
from infra.warehouse.bulk import Rows, copy_rows
from infra.warehouse.checkpoints import advance_all
from infra.warehouse.connection import Connection
from infra.warehouse.feature_rounds import SERVICE, PartitionRound


class CommitsTooEarly(EffectThread):
    """Commits the group's offset before the snapshot is durable."""

    def save(self, snapshot: Snapshot) -> None:
        self.commit(snapshot)
        reach("planted")
        self.make_durable(snapshot)


class CheckpointApart(EffectThread):
    """Moves the checkpoint in a transaction of its own, before the rows."""

    def store(self, rounds: Sequence[PartitionRound], rows: tuple[Rows, ...]) -> None:
        def advance(connection: Connection) -> None:
            places = [(one.partition, one.epoch, one.next_offset) for one in rounds]
            advance_all(connection, SERVICE, self._topic, places)

        def add(connection: Connection) -> None:
            for one in rows:
                copy_rows(connection, one)

        self._warehouse.run(advance)
        reach("planted")
        self._warehouse.run(add)


class WithEffects(FeatureAgent):
    """The agent with another way to carry out effects."""

    effects_class: type[EffectThread]

    def __init__(self, settings: Settings, committer: Committer, patience: Patience, client_id: str) -> None:
        super().__init__(settings, committer, patience, client_id)
        self.effects.close()
        self.effects = self.effects_class(settings, self._topic, committer, patience)


class EarlyCommitAgent(WithEffects):
    effects_class = CommitsTooEarly


class ApartCheckpointAgent(WithEffects):
    effects_class = CheckpointApart


class LatePublishingAgent(FeatureAgent):
    """Publishes after the database."""

    def leave(self, works: Mapping[int, PartitionWork]) -> None:
        self.effects.submit(self._effects(works))
        self.effects.settle()
        reach("planted")
        self.publication.publish(works.values())


FAULTS: dict[str, type[FeatureAgent]] = {
    "commit before the snapshot": EarlyCommitAgent,
    "checkpoint outside the transaction": ApartCheckpointAgent,
    "publish after the database": LatePublishingAgent,
}

if __name__ == "__main__":
    sys.exit(run_service("features", 0, load_settings(), functools.partial(body, make=FAULTS[sys.argv[1]])))
