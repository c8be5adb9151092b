"""How many predictions wait for their labels, how long, and for what."""

from typing import Any

import numpy as np

from pipeline.drift.ledger import LEAST_WAIT_DAYS
from pipeline.drift.series import Series
from schemas.fields import BoolArray, I8Array
from schemas.intervals import DAY, INTERVALS
from signaltape.console.drift.agent_state import AgentState


def maturity(state: AgentState) -> dict[str, Any]:
    """A row a series, as of the agent's last checkpoint; instants in ns UTC."""
    rows = []
    if state.ledger is not None:
        standing = state.ledger.standing()
        rows = [_row(series, *standing[series]) for series in sorted(standing)]
    return {"written_at": state.written_at, "problem": state.problem, "series": [row for row in rows if row]}


def _row(series: Series, times: I8Array, labelled: BoolArray) -> dict[str, Any]:
    """Without a label and overdue: ``horizon`` later bar times of the series have come, and no label has."""
    if not len(times):
        return {}
    open_times = times[~labelled]
    moments = np.unique(times)
    due = int(moments[-series.horizon]) if len(moments) >= series.horizon else None
    overdue = 0 if due is None else int((open_times < due).sum())
    wait = max(LEAST_WAIT_DAYS * DAY, 3 * series.horizon * INTERVALS[series.interval])
    return {
        "strategy": series.strategy,
        "subject": series.subject,
        "model": f"{series.model}:{series.version}",
        "role": series.role,
        "interval": series.interval,
        "horizon": series.horizon,
        "waiting": len(times),
        "labelled": int(labelled.sum()),
        "overdue": overdue,
        "oldest": int(open_times.min()) if len(open_times) else None,
        "newest": int(times.max()),
        "given_up_after_ns": wait,
    }
