"""Settings: order of sources, errors that name the variable, secrets that stay hidden."""

import json
from pathlib import Path

import pytest

from infra.places import closed_parent, data_home, endpoints_file
from infra.settings import Settings, SettingsError, load_settings
from infra.settings_report import MASK, masked, report


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("SIGNALTAPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIGNALTAPE_HOME", str(tmp_path))


def source(name: str, settings: Settings | None = None) -> str:
    rows = {row.name: row.source for row in report(settings or load_settings())}
    return rows[name]


def test_each_source_in_its_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "kafka.bootstrap_servers"
    assert (load_settings().kafka.bootstrap_servers, source(name)) == ("127.0.0.1:19092", "default")

    written = {"bootstrap_servers": "stack:1", "postgres_dsn": "postgresql://u:p@h/d", "redis_url": "redis://h"}
    endpoints_file(tmp_path).parent.mkdir(parents=True)
    endpoints_file(tmp_path).write_text(json.dumps(written))
    assert (load_settings().kafka.bootstrap_servers, source(name)) == ("stack:1", "local stack")

    (tmp_path / "signaltape.toml").write_text('[kafka]\nbootstrap_servers = "file:1"\n')
    assert load_settings().kafka.bootstrap_servers == "file:1"
    assert source(name) == f"file {tmp_path / 'signaltape.toml'}"
    assert load_settings().postgres.dsn == "postgresql://u:p@h/d"

    monkeypatch.setenv("SIGNALTAPE_KAFKA__BOOTSTRAP_SERVERS", "environment:1")
    assert load_settings().kafka.bootstrap_servers == "environment:1"
    assert source(name) == "environment SIGNALTAPE_KAFKA__BOOTSTRAP_SERVERS"

    assert load_settings(kafka={"bootstrap_servers": "argument:1"}).kafka.bootstrap_servers == "argument:1"


def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALTAPE_TOPICS__PARTITIONS", "0")
    with pytest.raises(SettingsError, match=r"SIGNALTAPE_TOPICS__PARTITIONS.*greater than or equal to 1"):
        load_settings()


@pytest.mark.parametrize(
    ("ingest", "accepted"),
    [
        ({"patience_s": 5.0}, False),  # as long as the default of idle_s
        ({"idle_s": 0.2}, False),  # as long as the default of patience_s
        ({"idle_s": 0.1, "patience_s": 0.5}, False),
        ({"idle_s": 0.6, "patience_s": 0.5}, True),
        ({"idle_s": 0.01, "patience_s": 0.0}, True),
    ],
)
def test_a_partition_is_not_idle_before_patience_has_passed(ingest: dict[str, float], *, accepted: bool) -> None:
    if accepted:
        assert load_settings(ingest=ingest).ingest.idle_s == ingest["idle_s"]
        return
    with pytest.raises(SettingsError, match=r"SIGNALTAPE_INGEST__IDLE_S.*greater than ingest\.patience_s"):
        load_settings(ingest=ingest)


def test_a_misspelt_setting_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALTAPE_KAFKA__BOOTSTRAP_SERVER", "x:1")
    with pytest.raises(SettingsError, match="SIGNALTAPE_KAFKA__BOOTSTRAP_SERVER"):
        load_settings()


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNALTAPE_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        load_settings()


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "signaltape.toml").write_text("[kafka\n")
    with pytest.raises(SettingsError, match=r"signaltape\.toml"):
        load_settings()


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.topics.partitions = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("postgres.dsn", "postgresql://u:p%40ss@h:1/d", f"postgresql://u:{MASK}@h:1/d"),
        ("postgres.dsn", "host=h password='a b' user=u", f"host=h password={MASK} user=u"),
        (
            "postgres.dsn",
            "postgresql://u@h/d?password=x&sslmode=require",
            f"postgresql://u@h/d?password={MASK}&sslmode=require",
        ),
        ("redis.url", "redis://:word@h:1/0", f"redis://:{MASK}@h:1/0"),
        ("kafka.options.sasl.password", "word", MASK),
        ("kafka.options.ssl.key.pem", "word", MASK),
        ("kafka.bootstrap_servers", "a:1,b:2", "a:1,b:2"),
    ],
)
def test_secrets_are_masked(name: str, value: str, shown: str) -> None:
    assert masked(name, value) == shown


def test_no_secret_in_a_printed_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALTAPE_POSTGRES__DSN", "postgresql://u:topsecret@h/d")
    monkeypatch.setenv("SIGNALTAPE_KAFKA__OPTIONS", '{"sasl.password": "topsecret"}')
    settings = load_settings()
    assert settings.kafka.options == {"sasl.password": "topsecret"}
    assert "topsecret" not in repr(settings)
    assert "topsecret" not in repr(report(settings))


def test_example_file_names_only_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[3] / ".env.example"
    for line in example.read_text().splitlines():
        if line.startswith("SIGNALTAPE_"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    defaults = Settings(home=load_settings().home)
    assert load_settings() == defaults


def test_home_folder(tmp_path: Path) -> None:
    assert data_home({"SIGNALTAPE_HOME": "/a/b"}) == Path("/a/b")
    tmp_path.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert closed_parent(closed / "x") in {closed, *closed.parents}


def test_root_with_a_closed_home_gets_a_folder_that_others_can_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    home.chmod(0o700)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    expected = "/var/lib/signaltape/" + str(home).strip("/").replace("/", "-")
    assert data_home({"HOME": str(home)}) == Path(expected)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert data_home({"HOME": str(home)}) == home / ".local/share/signaltape"
    assert data_home({"HOME": str(home), "XDG_DATA_HOME": "/x"}) == Path("/x/signaltape")
