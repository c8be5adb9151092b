"""What requests carry. An unknown field, a NaN or an infinity is refused, with the field's name."""

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, field_validator, model_validator

from pipeline.deployments import ModelRef
from schemas.intervals import INTERVALS
from schemas.names import MAX_NAME
from schemas.times import parse_iso_time

_MODEL = re.compile(r"([a-z0-9][a-z0-9_-]{0,63}):([1-9][0-9]{0,8})")
Symbol = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00]+$")]
Interval = Annotated[str, Field(description=f"One of {', '.join(INTERVALS)}.", max_length=8)]
FeatureRow = dict[Annotated[str, StringConstraints(max_length=MAX_NAME)], FiniteFloat | None]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bar(_Body):
    """One bar; ``event_time`` is its close: ns UTC, or ISO-8601 with a zone."""

    event_time: int | str
    open: FiniteFloat
    high: FiniteFloat
    low: FiniteFloat
    close: FiniteFloat
    volume: FiniteFloat | None = None

    @field_validator("event_time")
    @classmethod
    def _moment(cls, value: int | str) -> int:
        moment = parse_iso_time(value) if isinstance(value, str) else value
        if not 0 < moment < 2**63:
            raise ValueError("is no time in ns since the Unix epoch")
        return moment


class PredictRequest(_Body):
    """A question: exactly one of ``features``, ``batch``, ``symbol``, ``symbols`` and ``bars``.

    ``bars`` may come with the ``symbol`` that they are of. ``model`` is ``name:version``, by default the live one;
    ``strategy`` says whose, where several are live.
    """

    features: FeatureRow | None = None
    batch: list[FeatureRow] | None = None
    symbol: Symbol | None = None
    symbols: list[Symbol] | None = None
    bars: list[Bar] | None = None
    interval: Interval = "1m"
    model: str | None = Field(default=None, max_length=80)
    strategy: Annotated[str, StringConstraints(max_length=MAX_NAME)] = ""

    @field_validator("interval")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in INTERVALS:
            raise ValueError(f"is not known; use one of {', '.join(INTERVALS)}")
        return value

    @field_validator("model")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is not None and not _MODEL.fullmatch(value):
            raise ValueError("must be name:version")
        return value

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        asked = [name for name in ("features", "batch", "symbols", "bars") if getattr(self, name) is not None]
        if self.symbol is not None and asked != ["bars"]:
            asked.append("symbol")
        if len(asked) != 1:
            found = ", ".join(asked) or "none of them"
            raise ValueError(f"give exactly one of features, batch, symbol, symbols and bars; got {found}")
        for name in ("features", "batch", "symbols", "bars"):
            if getattr(self, name) is not None and not getattr(self, name):
                raise ValueError(f"{name} is empty")
        return self

    @property
    def ref(self) -> ModelRef | None:
        """The model that is named."""
        return model_ref(self.model)


def model_ref(text: str | None) -> ModelRef | None:
    """``name:version`` as a reference."""
    found = _MODEL.fullmatch(text) if text else None
    return ModelRef(name=found[1], version=int(found[2])) if found else None


class ControlRequest(_Body):
    """Whom a pause or resume concerns: one strategy ("" = all) and some symbols (none = all), and why."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
    strategy: Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=r"^[^\x00]*$")] = ""
    symbols: list[Symbol] = Field(default_factory=list, max_length=1_000)


def invocation_rows(body: Any) -> list[dict[str, Any]] | list[list[Any]]:
    """Rows of MLflow's request forms: by name, or in the order of the model's inputs. Raises ValueError."""
    forms = ("dataframe_split", "dataframe_records", "inputs", "instances")
    given = [name for name in forms if isinstance(body, dict) and name in body]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(forms)}")
    data = body[given[0]]
    if given[0] == "dataframe_split":
        if not isinstance(data, dict) or not isinstance(data.get("columns"), list):
            raise ValueError("dataframe_split needs columns and data")
        return [dict(zip(map(str, data["columns"]), row, strict=True)) for row in data.get("data", [])]
    if isinstance(data, dict):
        columns = {str(name): values if isinstance(values, list) else [values] for name, values in data.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not isinstance(data, list) or not all(isinstance(row, dict | list) for row in data):
        raise ValueError(f"{given[0]} must hold rows")
    return data
