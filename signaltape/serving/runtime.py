"""The models of this process."""

from infra.settings import Settings
from signaltape.serving.choosing import ServedModels


def load_models(settings: Settings, spare: int | None = None) -> ServedModels:
    """The runtime of the inference consumer, loading from the registry; ``spare`` as of ``LoadedModels``."""
    from consumers.inference.models import LoadedModels
    from infra.scoring.registry import ModelRegistry

    return LoadedModels(ModelRegistry(settings), settings.inference, spare=spare)
