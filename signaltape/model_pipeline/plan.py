"""What a run is asked to do; it doesn't change while the run lasts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from signaltape.model_pipeline.errors import PipelineStopped
from signaltape.training import Search, TrainingError, TrainOptions
from signaltape.training.reproduction import options_from


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """``dataset`` and ``suite`` are absolute paths, ``suite`` empty for the rules that hold for any data.

    ``grid``: parameter → values to try, chosen by the metric ``choose_by``. ``strategy``: whose live model the new one
    is compared with, empty for no comparison. ``shadow``: let it run as a shadow of that strategy at the end.
    """

    dataset: str
    options: TrainOptions
    grid: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    choose_by: str = "rank_ic"
    suite: str = ""
    strategy: str = ""
    shadow: bool = False

    def __post_init__(self) -> None:
        if self.shadow and not self.strategy:
            raise PipelineStopped("a shadow needs the strategy whose live model it runs beside")
        self.search()

    def search(self) -> Search | None:
        """The search that the grid asks for. Raises TrainingError for one that can't be made."""
        return Search(grid=self.grid, metric=self.choose_by) if self.grid else None

    def to_json(self) -> bytes:
        """The file's content."""
        document = {**asdict(self), "options": self.options.document()}
        return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def read_plan(path: Path) -> Plan:
    """Inverse of ``to_json``. Raises PipelineStopped naming the file."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        options = options_from(document.pop("options"), str(path))
        grid = {name: tuple(values) for name, values in document.pop("grid").items()}
        return Plan(options=options, grid=grid, **document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, TrainingError) as error:
        raise PipelineStopped(f"{path}: no plan of a run that this version can go on with ({error})") from error
