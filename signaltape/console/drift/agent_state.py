"""What the drift agent remembered at its last checkpoint: predictions that wait for labels, counts of features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from consumers.drift_agent.state import ENVELOPE_VERSION
from consumers.drift_agent.store import SERVICE
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import state_size
from infra.warehouse.drift_rounds import read_state
from infra.warehouse.moments import to_nanoseconds
from pipeline.drift.feature_days import SetKey
from pipeline.drift.ledger import LabelLedger
from pipeline.drift.monitor_state import STATE_VERSION
from schemas.fields import I8Array

#: A larger state is not unpacked for a page.
MOST_BYTES = 64 * 1024 * 1024
#: The first version of the state that has features and the policy's fingerprint.
_READABLE_FROM = 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SetCounts:
    """Counts (features, bins) of a set's newest session. ``session``: days since the epoch, None: the last closed."""

    names: tuple[str, ...]
    counts: I8Array
    session: int | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AgentState:
    """``written_at``: ns UTC. ``problem``: why there is nothing more, empty where there is."""

    written_at: int | None
    problem: str = ""
    policy: str = ""
    ledger: LabelLedger | None = None
    sets: Mapping[SetKey, SetCounts] | None = None


def agent_state(connection: Connection, settings: Settings) -> AgentState:
    """Read it; what can't be read says why."""
    written, problem, state = unpacked(connection, settings)
    if state is None:
        return AgentState(written_at=written, problem=problem)
    return AgentState(
        written_at=written,
        policy=str(state["policy"]),
        ledger=LabelLedger.restore(state["ledger"]),
        sets=_sets(state["features"]),
    )


def state_key(settings: Settings) -> str:
    """What the drift agent's state is kept under."""
    return f"{settings.topics.prefix}monitor"


def unpacked(connection: Connection, settings: Settings) -> tuple[int | None, str, Mapping[str, Any] | None]:
    """When the state was written (ns UTC), why it can't be read, and what ``monitor_state`` packed."""
    key = state_key(settings)
    found = state_size(connection, SERVICE, key)
    if found is None:
        return None, "the drift agent has written no state yet; is it running? `signaltape run drift`", None
    size, written = found[0], to_nanoseconds(found[1])
    if size > MOST_BYTES:
        return written, f"the drift agent's state has {size:,} bytes, more than a page unpacks", None
    data = read_state(connection, SERVICE, key)
    envelope = msgpack.unpackb(data or b"\x80")
    state: dict[str, Any] = {}
    if envelope.get("version") == ENVELOPE_VERSION:
        state = msgpack.unpackb(envelope["monitor"], strict_map_key=False)
    if state.get("version") not in range(_READABLE_FROM, STATE_VERSION + 1):
        return written, "the drift agent's state is of another version than this program", None
    return written, "", state


def _sets(features: Mapping[str, Any]) -> dict[SetKey, SetCounts]:
    """The open session of each set where it has one, else the one that closed last."""
    found: dict[SetKey, SetCounts] = {}
    for feature_set, version, interval, names, counts in features["last"]:
        found[feature_set, version, interval] = SetCounts(
            names=tuple(names), counts=np.array(counts, np.int64), session=None
        )
    for feature_set, version, interval, session, names, counts in features["open"]:
        key = (feature_set, version, interval)
        held = found.get(key)
        if held is None or held.session is None or session > held.session:
            found[key] = SetCounts(names=tuple(names), counts=np.array(counts, np.int64), session=session)
    return found
