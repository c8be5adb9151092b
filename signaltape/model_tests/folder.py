"""Tests a model where its files lie, and leaves the report beside them."""

from pathlib import Path

from infra.scoring.files import read_checked, write_atomically
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from infra.scoring.session import F4Array
from signaltape.model_tests.limits import Limits
from signaltape.model_tests.report import MODEL_TESTS_FILE, ModelTestReport
from signaltape.model_tests.suite import Evidence, run_model_tests


def check_folder(
    folder: Path,
    manifest: ModelManifest,
    rows: F4Array | None = None,
    evidence: Evidence | None = None,
    *,
    invented: bool = False,
    limits: Limits | None = None,
) -> ModelTestReport:
    """Load the model in ``folder`` as a serving host would, test it, write ``model_tests.json``.

    ``rows``: float32 (n, inputs); None takes those of the golden vectors, then without ``evidence``.
    ``invented``: these rows are drawn, not from a market. Raises ModelRefused if it doesn't load: then nothing is
    written.
    """
    scorer = Scorer.load(folder / manifest.onnx_file, manifest.sha256, manifest)
    place = folder / manifest.golden_file
    golden = GoldenVectors.from_json(read_checked(place, manifest.golden_sha256), str(place))
    given = golden.rows if rows is None else rows
    known = None if rows is None else evidence
    report = run_model_tests(scorer, given, golden, evidence=known, invented=invented, limits=limits)
    write_atomically(folder / MODEL_TESTS_FILE, report.to_json())
    return report
