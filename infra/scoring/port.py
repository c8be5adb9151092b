"""What whoever runs models needs of a registry."""

from typing import Protocol

from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer


class Registry(Protocol):
    """Where models come from."""

    def load(self, name: str, version: int) -> tuple[ModelManifest, Scorer]:
        """Return a model, its files checked. Raises ``OperatorError``."""
        ...
