"""Digests that are missing, made from the rows of a range."""

from infra.history.extents import extents
from infra.settings import Settings
from infra.warehouse.connection import connect
from infra.warehouse.stored_digests import DigestSpan
from signaltape.verification.plan import Question
from signaltape.verification.rebuilding import RebuildReport, rebuild_digests


def rebuild_range(settings: Settings, question: Question) -> RebuildReport:
    """Make what is missing of the present log. Raises HistoryError where the range holds no bars of it."""
    with connect(settings, name="signaltape-verify") as connection:
        found = extents(connection, settings, question.start, question.end)
        generations = {one.partition: one.first_generation for one in found}
        span = DigestSpan(first=question.start, last=question.end, first_generations=generations)
        return rebuild_digests(connection, span)
