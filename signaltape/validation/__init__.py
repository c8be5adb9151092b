"""Expectations of data: what must hold before anything is learnt from it, derived from a reference, kept as a file."""

from signaltape.validation.deriving import baseline, derive
from signaltape.validation.expectation import Expectation, ValidationError
from signaltape.validation.frame import Frame, frame_of_content
from signaltape.validation.result import VALIDATION_FILE, VALIDATION_PAGE, Finding, Validation, validate
from signaltape.validation.suite import Suite, read_suite, save_suite

__all__ = [
    "VALIDATION_FILE",
    "VALIDATION_PAGE",
    "Expectation",
    "Finding",
    "Frame",
    "Suite",
    "Validation",
    "ValidationError",
    "baseline",
    "derive",
    "frame_of_content",
    "read_suite",
    "save_suite",
    "validate",
]
