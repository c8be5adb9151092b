"""All that a pipeline has stored, verified."""

from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.moments import to_nanoseconds
from signaltape.verification.plan import Question
from signaltape.verification.text import lines
from signaltape.verification.verifying import verify


def check_verified(settings: Settings, starts: tuple[bool, ...] = (False, True), rows: int | None = 5) -> None:
    """What is stored follows from the log, taken again cold or from kept states; the agents' digests say the same."""
    with connect(settings) as connection:
        span = connection.execute("SELECT min(event_time), max(event_time) FROM bars").fetchone()
    assert span is not None
    start, end = map(to_nanoseconds, span)
    for cold in starts:
        made = verify(settings, Question(start=start, end=end, cold=cold, batch_rows=rows, limit=5))
        assert made.verdict == "equal", "\n".join(lines(made))
        assert not made.undigested, "\n".join(lines(made))
