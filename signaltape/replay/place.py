"""Where a replay runs: topics, groups, tables, keys and files of its own on the servers of the live pipeline."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from infra.settings import Settings
from pipeline.replay.naming import ReplayName, is_replay_prefix
from signaltape.replay.errors import ReplayRefused

#: A replay may not depend on how busy the machine is: no model call of it misses its deadline.
_DEADLINE_MS = 600_000.0


def replays_folder(live: Settings) -> Path:
    """Where the replays of a home folder lie, one folder each."""
    return live.home / "replays"


@dataclass(frozen=True, slots=True)
class ReplayPlace:
    """A replay's place beside ``live``. Raises ``ReplayRefused`` where those settings are a replay's themselves."""

    name: ReplayName
    live: Settings

    def __post_init__(self) -> None:
        if is_replay_prefix(self.live.topics.prefix):
            raise ReplayRefused(
                f"these settings are those of a replay (topics.prefix is {self.live.topics.prefix}): a replay starts "
                "from the live ones"
            )

    @property
    def folder(self) -> Path:
        """Its files: record, logs, copies of models. It is the home folder of its services."""
        return replays_folder(self.live) / self.name.ident

    @property
    def settings(self) -> Settings:
        """The live settings, with everything that a service writes to moved to the replay's own place."""
        live = self.live
        return live.model_copy(
            update={
                "home": self.folder,
                "topics": live.topics.model_copy(update={"prefix": self.name.prefix}),
                "postgres": live.postgres.model_copy(update={"db_schema": self.name.schema}),
                "metrics": live.metrics.model_copy(update={"port": 0}),
                "inference": live.inference.model_copy(update={"deadline_ms": _DEADLINE_MS}),
                "store": live.store.model_copy(update={"publish_repairs": False}),
            }
        )

    def environment(self) -> dict[str, str]:
        """All that its services see: none of the live settings can reach them by another way."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("SIGNALTAPE_")}
        for group, value in self.settings.model_dump(mode="json").items():
            kept[f"SIGNALTAPE_{group.upper()}"] = value if isinstance(value, str) else json.dumps(value)
        return kept
