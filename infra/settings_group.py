"""Base of a group of settings."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Base of a group of settings: frozen, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
