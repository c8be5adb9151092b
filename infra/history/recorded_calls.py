"""Model calls that a replay can't derive: what is recorded of them, by partition."""

from dataclasses import dataclass
from datetime import datetime

from infra.history.extents import Extent
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.deployments import ModelRef
from pipeline.routing.model_port import Answer, ModelUnavailable
from schemas.features import FeatureBatch

_Key = tuple[datetime, int, str, str, str, ModelRef]


@dataclass(frozen=True, slots=True)
class RecordedCalls:
    """Calls without an answer of the model, by (bar time, offset of the bars, interval, strategy, role, model)."""

    silent: dict[_Key, Answer | None]

    def recall(self, strategy: str, role: str, ref: ModelRef, batch: FeatureBatch) -> Answer | None:
        """See ``pipeline.routing.scoring.Recall``."""
        key = (to_moment(batch.event_time), batch.link.position[0], batch.interval, strategy, role, ref)
        if key not in self.silent:
            return None
        answer = self.silent[key]
        if answer is None:
            raise ModelUnavailable(f"model {ref} could not be loaded then")
        return answer


def recorded_calls(connection: Connection, extent: Extent, start: int) -> RecordedCalls:
    """Read the calls about the messages from offset ``start`` to the extent's end that have no answer."""
    values = {
        "partition": extent.partition,
        "start": start,
        "end": extent.end,
        "last": to_moment(extent.last_time),
    }
    silent: dict[_Key, Answer | None] = {}
    for moment, offset, interval, strategy, role, name, version, missed, is_open, lost in connection.execute(
        queries("history")["silent calls"], values
    ):
        answer = Answer(score=None, confidence=None, deadline_missed=missed, breaker_open=is_open)
        key = (moment, offset, interval, strategy, role, ModelRef(name=name, version=version))
        silent[key] = None if lost else answer
    return RecordedCalls(silent)
