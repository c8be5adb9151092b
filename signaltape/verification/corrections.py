"""Rows of kind `correction` that the agent makes from a state in the log: row by row, they are few.

Those of the repair job are no function of the log alone (it answers what it finds open when it runs): their effect is,
since the state that it publishes lies in the log and everything later is computed from it.
"""

from infra.warehouse.stored_sheets import stored_corrections
from pipeline.digests.tally import CORRECTIONS, FEATURES, DigestKey, set_subject
from pipeline.verification.differences import RecordDifference, compare_sheets
from pipeline.verification.sheets import Sheet, correction_sheet, empty, empty_like, joined
from signaltape.verification.book import Book
from signaltape.verification.judging import Judge

_BLAME = "a row that was made again from a state in the log: state or row was changed after it was written"


def compare_corrections(judge: Judge) -> tuple[list[RecordDifference], int]:
    """Differences of the rows that each engine made again, and how many rows were compared.

    Rows from before the first one that is stored at all were dropped by a retention policy.
    """
    book, tolerance, kept_from = judge.book, judge.tolerance(CORRECTIONS), judge.kept_from(FEATURES)
    found: list[RecordDifference] = []
    compared = 0
    for lane in judge.lanes:
        computed = _computed(book, lane.partition)
        offsets = book.repairs.get(lane.partition, [])
        stored = stored_corrections(judge.connection, lane, offsets, book.span, book.names) if offsets else {}
        for key in stored.keys() | computed.keys():
            one, two = stored.get(key), computed.get(key)
            if one is None and key.event_time < kept_from:
                continue
            compared += len((one or two or empty()).symbols)
            found += compare_sheets(key, one or empty_like(two), two or empty_like(one), tolerance, _BLAME)
    return sorted(found, key=lambda one: one.order), compared


def _computed(book: Book, partition: int) -> dict[DigestKey, Sheet]:
    parts: dict[DigestKey, list[Sheet]] = {}
    for batch in book.corrections.get(partition, []):
        subject = set_subject(batch.feature_set, batch.set_version)
        key = DigestKey(CORRECTIONS, subject, batch.interval, batch.event_time)
        parts.setdefault(key, []).append(correction_sheet(batch, book.names[subject]))
    return {key: joined(some) for key, some in parts.items()}
