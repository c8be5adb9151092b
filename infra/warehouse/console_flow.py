"""What the console's page of the flow reads."""

from dataclasses import dataclass

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginnings:
    """Whether a bar, a model, a signal was ever stored."""

    bars: bool
    models: bool
    signals: bool

    @property
    def all(self) -> bool:
        """True once there is nothing left to begin with."""
        return self.bars and self.models and self.signals


def beginnings(connection: Connection) -> Beginnings:
    """What there is."""
    row = connection.execute(queries("console_flow")["beginnings"]).fetchone()
    assert row is not None
    return Beginnings(bars=bool(row[0]), models=bool(row[1]), signals=bool(row[2]))
