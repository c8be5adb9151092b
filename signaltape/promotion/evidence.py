"""What is known of a model when it is to be promoted."""

from infra.scoring.files import read_artifact
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.model_comparisons import newest_comparison
from infra.warehouse.model_stages import newest_stages, shadow_bars
from pipeline.deployments import ModelRef
from signaltape.comparison import nothing_live
from signaltape.model_tests import MODEL_TESTS_FILE, ModelTestReport, from_json
from signaltape.promotion.gates import Gate, comparison_gate, model_tests_gate, shadow_bars_gate, stage_gate


def model_tests_of(registry: ModelRegistry, ref: ModelRef) -> ModelTestReport | None:
    """The report kept with a version, None if there is none. Raises ArtifactChanged, ManifestInvalid."""
    for one in registry.get_model(ref.name, ref.version).artifacts:
        if one.kind == MODEL_TESTS_FILE:
            return from_json(read_artifact(registry.artifacts, one.path, one.sha256), one.path)
    return None


def tested(registry: ModelRegistry, ref: ModelRef) -> Gate:
    """Load the version as a serving host does (files, feature set, golden vectors), then ask for its model tests.

    Raises UnknownModel, ArtifactChanged and other ModelRefused: no force helps against those.
    """
    manifest, _ = registry.load(ref.name, ref.version)
    return model_tests_gate(model_tests_of(registry, ref), manifest.sha256)


def arm_gates(settings: Settings, ref: ModelRef) -> tuple[Gate, ...]:
    """The gates of an experiment's arm, whose signals count as the live model's do: a comparison is what it is for.

    Raises what ``tested`` raises.
    """
    gate = tested(ModelRegistry(settings), ref)
    with Warehouse(settings, "signaltape-gates") as warehouse:
        record = warehouse.run(newest_stages).get(ref)
    return gate, stage_gate("none" if record is None else record.stage)


def all_gates(
    settings: Settings, ref: ModelRef, strategy: str, champion: ModelRef | None, bars: int, *, record: bool = True
) -> tuple[Gate, ...]:
    """Every gate of a promotion to ``strategy`` in the place of ``champion``; ``bars``: shadow bars asked for.

    ``record``: False for a look that leaves no trace.
    """
    gate = tested(ModelRegistry(settings), ref)
    if champion is None and record:
        nothing_live(settings, ref, strategy)

    def read(connection: Connection) -> tuple[Gate, Gate]:
        found = newest_comparison(connection, ref, champion)
        answered = shadow_bars(connection, strategy, ref) if bars else 0
        return comparison_gate(found, champion), shadow_bars_gate(answered, bars)

    with Warehouse(settings, "signaltape-gates") as warehouse:
        return gate, *warehouse.run(read)
