"""What a model must do before it may serve: tested once where it is made or taken in, kept beside its file."""

from signaltape.model_tests.folder import check_folder
from signaltape.model_tests.limits import Limits
from signaltape.model_tests.report import MODEL_TESTS_FILE, ModelTestReport, Outcome, Verdict, from_json
from signaltape.model_tests.suite import Evidence, run_model_tests

__all__ = [
    "MODEL_TESTS_FILE",
    "Evidence",
    "Limits",
    "ModelTestReport",
    "Outcome",
    "Verdict",
    "check_folder",
    "from_json",
    "run_model_tests",
]
