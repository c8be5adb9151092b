"""What is asked for: one change, and the picture that the one who asks has seen."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pipeline.deployments import ModelRef
from schemas.names import MAX_NAME
from signaltape.http.bodies import Symbol, model_ref
from signaltape.rollout import Seen

Action = Literal["promote", "rollback", "pause", "resume", "position_scale"]
_SWAPS = ("promote", "rollback")
_MOST_SYMBOLS = 1_000
#: More than a full position can't be asked for from a page.
_LARGEST_SCALE = 1.0


class Change(BaseModel):
    """One change. ``strategy`` "" means all (pauses only); ``symbols``: none named means all.

    ``model`` (NAME:VERSION): what is promoted, or rolled back to (None: the predecessor). ``scale``: the new position
    scale, 1 for full positions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    strategy: Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=r"^[^\x00]*$")] = ""
    model: Annotated[str, StringConstraints(max_length=80)] | None = None
    symbols: list[Symbol] = Field(default_factory=list, max_length=_MOST_SYMBOLS)
    scale: Annotated[float, Field(ge=0.0, le=_LARGEST_SCALE)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Change":
        if self.action in _SWAPS and not self.strategy.strip():
            raise ValueError(f"{self.action} needs a strategy")
        if self.action in _SWAPS and self.symbols:
            raise ValueError(f"{self.action} concerns all symbols of a strategy: name none")
        if self.action == "promote" and self.model is None:
            raise ValueError("promote needs a model, NAME:VERSION")
        if self.model is not None and (self.action not in _SWAPS or model_ref(self.model) is None):
            raise ValueError(f"model {self.model!r} must be NAME:VERSION, and only a promotion or rollback names one")
        if (self.action == "position_scale") != (self.scale is not None):
            raise ValueError("scale is what position_scale needs, and nothing else has")
        return self

    @property
    def ref(self) -> ModelRef | None:
        """The model that is named."""
        return model_ref(self.model)

    def seen(self, offset: int) -> Seen:
        """The picture in which ``offset`` is the newest control event."""
        return Seen(decision=self.action, offset=offset, strategy=self.strategy, symbols=frozenset(self.symbols))


class ChangeRequest(BaseModel):
    """A change that is to be made, and why. ``seen``: control offset of the newest event that the picture shows.

    ``forces``: names of closed gates that were shown and are to be passed; a gate that closed since is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    change: Change
    seen: Annotated[int, Field(ge=-1, lt=2**63)]
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=3, max_length=400, pattern=r"^[^\x00]+$")
    ]
    forces: list[Annotated[str, StringConstraints(max_length=40)]] = Field(default_factory=list, max_length=10)
