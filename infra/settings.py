"""Settings: read once at the edge, from `SIGNALTAPE_…` variables, a TOML file and the running local stack.

Order, first found wins for each value: arguments of `load_settings`, environment (nested with `__`),
TOML file (SIGNALTAPE_CONFIG, else `<home>/signaltape.toml`), the running local stack's endpoints, default.
`infra.settings_report` tells which one it was.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from infra.api_settings import ApiSettings
from infra.errors import OperatorError
from infra.fleet_settings import FleetSettings, MonitorSettings
from infra.places import data_home, endpoints_file
from infra.responder_settings import GuardSettings, ResponderSettings
from infra.service_settings import (
    ComparisonSettings,
    DriftSettings,
    EngineSettings,
    FeaturesSettings,
    InferenceSettings,
    IngestSettings,
    PromotionSettings,
    QualitySettings,
    RouterSettings,
    StoreSettings,
)
from infra.settings_group import Group
from infra.watch_settings import DailySettings, RetrainingSettings


class SettingsError(OperatorError):
    """A setting has a value that cannot be used; the message names the setting and its variable."""

    exit_code = 2


class KafkaSettings(Group):
    """How to reach Kafka.

    bootstrap_servers: host:port of one broker or several, with commas between. options: librdkafka properties for
    every client, TLS and SASL most of all.
    """

    bootstrap_servers: str = "127.0.0.1:19092"
    options: dict[str, str] = Field(default_factory=dict, repr=False)


class PostgresSettings(Group):
    """How to reach Postgres.

    dsn: a libpq connection string or URL, with its TLS options. db_schema: the one schema whose tables are seen and
    made; empty: what the connection's search path says.
    """

    dsn: str = Field(default="postgresql://signaltape@127.0.0.1:15432/signaltape", repr=False)
    db_schema: str = Field(default="", pattern=r"^([a-z_][a-z0-9_]*)?$", max_length=63)


class RedisSettings(Group):
    """How to reach Redis.

    url: `redis://` or, with TLS, `rediss://`.
    """

    url: str = Field(default="redis://127.0.0.1:16379/0", repr=False)


class TopicSettings(Group):
    """Names and number of the topics.

    prefix: begins every topic's and group's name, and so isolates environments on one cluster. partitions: of every
    partitioned topic; fixed when `signaltape init` creates them (docs/operations/partitions.md).
    """

    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
    partitions: int = Field(default=4, ge=1, le=1024)


class MetricsSettings(Group):
    """Where a process serves /metrics, /health and /ready.

    host: address to listen on. port 0: any free one, written to `<home>/run`; one number serves one process.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)


class LogSettings(Group):
    """Structured logs on stderr.

    level: what is less than that is left out. format: `auto` is readable on a terminal, JSON lines elsewhere.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class StackSettings(Group):
    """The local stack of `signaltape up`.

    kafka_port, controller_port, postgres_port, redis_port: on 127.0.0.1; 0 picks a free one. kafka_heap_mb: memory of
    the broker's JVM. require_timescale: refuse to run on plain Postgres. deadline_s: how long each server may take to
    become healthy.
    """

    kafka_port: int = Field(default=19092, ge=0, le=65535)
    controller_port: int = Field(default=19093, ge=0, le=65535)
    postgres_port: int = Field(default=15432, ge=0, le=65535)
    redis_port: int = Field(default=16379, ge=0, le=65535)
    kafka_heap_mb: int = Field(default=384, ge=192)
    require_timescale: bool = False
    deadline_s: float = Field(default=60.0, gt=0)


class Settings(BaseSettings):
    """Every setting of every process, frozen after load."""

    model_config = SettingsConfigDict(env_prefix="SIGNALTAPE_", env_nested_delimiter="__", frozen=True, extra="forbid")

    home: Path = Field(
        default_factory=data_home,
        description="Folder for data, models, logs and the local stack; by default in the user's data folder.",
    )
    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    topics: TopicSettings = TopicSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    stack: StackSettings = StackSettings()
    engine: EngineSettings = EngineSettings()
    quality: QualitySettings = QualitySettings()
    features: FeaturesSettings = FeaturesSettings()
    ingest: IngestSettings = IngestSettings()
    inference: InferenceSettings = InferenceSettings()
    router: RouterSettings = RouterSettings()
    drift: DriftSettings = DriftSettings()
    store: StoreSettings = StoreSettings()
    comparison: ComparisonSettings = ComparisonSettings()
    promotion: PromotionSettings = PromotionSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    daily: DailySettings = DailySettings()
    api: ApiSettings = ApiSettings()
    responder: ResponderSettings = ResponderSettings()
    guard: GuardSettings = GuardSettings()
    fleet: FleetSettings = FleetSettings()
    monitor: MonitorSettings = MonitorSettings()

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def artifacts(self) -> Path:
        """Folder of model files."""
        return self.home / "artifacts"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, TOML file, running local stack; no .env file and no secrets folder."""
        return (init_settings, env_settings, file_source(), LocalStackSource(cls))


class LocalStackSource(PydanticBaseSettingsSource):
    """Endpoints that a running local stack of this home has written."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Unused: `__call__` answers for all fields at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Nested values; empty while no local stack runs."""
        home = self.current_state.get("home")
        return self.read(Path(home).expanduser() if home else data_home())

    @staticmethod
    def read(home: Path) -> dict[str, Any]:
        """The same for a given home folder."""
        try:
            written = json.loads(endpoints_file(home).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {
            "kafka": {"bootstrap_servers": written["bootstrap_servers"]},
            "postgres": {"dsn": written["postgres_dsn"]},
            "redis": {"url": written["redis_url"]},
        }


def config_file() -> Path:
    """The TOML file that is read if it exists; one named by SIGNALTAPE_CONFIG must exist."""
    named = os.environ.get("SIGNALTAPE_CONFIG")
    if named is None:
        return data_home() / "signaltape.toml"
    if not Path(named).is_file():
        raise SettingsError(f"SIGNALTAPE_CONFIG names {named}, which is not a file")
    return Path(named)


def file_source() -> TomlConfigSettingsSource:
    """What the TOML file says."""
    return TomlConfigSettingsSource(Settings, toml_file=config_file())


def load_settings(**overrides: Any) -> Settings:
    """Read all settings; `overrides` (nested mappings by group) win over every other source.

    Raises SettingsError naming each setting that cannot be used.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}"
            f" ({variable_name('.'.join(str(part) for part in fault['loc']))}): {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("settings cannot be used:\n  " + "\n  ".join(faults)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config_file()} cannot be read: {error}") from None
    except ValueError as error:
        raise SettingsError(f"settings cannot be read: {error}") from None


def variable_name(dotted: str) -> str:
    """Environment variable of a setting: `kafka.options` → `SIGNALTAPE_KAFKA__OPTIONS`."""
    return "SIGNALTAPE_" + dotted.upper().replace(".", "__")
