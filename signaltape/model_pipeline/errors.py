"""What stops a run of the model pipeline."""

from collections.abc import Mapping
from typing import Any

from infra.errors import OperatorError


class PipelineStopped(OperatorError):
    """A stage failed, or a run can't go on; the message names both and what to do."""


class StageFailed(OperatorError):
    """A stage's own verdict; ``detail`` is what it found, for its report."""

    def __init__(self, reason: str, detail: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.detail = detail
