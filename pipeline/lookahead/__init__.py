"""The look-ahead firewall: change or cut the future, and nothing that was said before may move by one bit."""

from pipeline.lookahead.check import Leak, Verdict, check_lookahead
from pipeline.lookahead.facts import Facts, sample_facts
from pipeline.lookahead.statements import Statements, Subject
from pipeline.lookahead.subjects import engine_subject

__all__ = [
    "Facts",
    "Leak",
    "Statements",
    "Subject",
    "Verdict",
    "check_lookahead",
    "engine_subject",
    "sample_facts",
]
