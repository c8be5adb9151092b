"""docker-compose.yml as far as that goes without a daemon."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from infra.fleet_settings import split_target
from infra.settings import Settings, variable_name
from infra.stack import broker, extension_build, installation
from infra.stack.jars import kafka_version
from signaltape.service_table import SERVICES, entry_point
from tests.support.compose import AGENTS, BINARY, PASSWORD, ROOT, copied, dockerfile, resolved, run_config, services

SERVERS = ("kafka", "timescaledb", "redis")


def test_the_real_binary_accepts_it() -> None:
    version = subprocess.run([str(BINARY), "version"], capture_output=True, text=True, check=True).stdout
    assert "Docker Compose version" in version
    answer = run_config("-q")
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("restart: unless-stopped", "restarts: unless-stopped"),
        ("kafka: {condition: service_healthy}", "kafka: {condition: service_perfect}"),
        ('ports: ["127.0.0.1:6379:6379"]', 'ports: ["127.0.0.1:6379:none"]'),
        ("- artifacts:/var/lib/signaltape", "- unknown:/var/lib/signaltape"),
    ],
)
def test_and_it_would_refuse_a_broken_one(tmp_path: Path, before: str, after: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert before in text
    (tmp_path / "docker-compose.yml").write_text(text.replace(before, after))
    assert run_config("-q", folder=tmp_path).returncode != 0


@pytest.mark.parametrize("password", [None, ""])
def test_without_a_password_it_is_refused(password: str | None) -> None:
    answer = run_config("-q", password=password)
    assert answer.returncode != 0
    assert "set SIGNALTAPE_DB_PASSWORD" in answer.stderr


def test_the_password_reaches_both_sides_unchanged_and_stands_in_no_address() -> None:
    assert services()["timescaledb"]["environment"]["POSTGRES_PASSWORD"] == PASSWORD
    for name in (*AGENTS, "init"):
        environment = services()[name]["environment"]
        assert environment["PGPASSWORD"] == PASSWORD
        assert [key for key, value in environment.items() if PASSWORD in value] == ["PGPASSWORD"]


def test_every_service_is_watched_restarted_and_keeps_its_data_in_a_named_volume() -> None:
    assert set(services()) == {*SERVERS, *AGENTS, "init"}
    named = set(resolved()["volumes"])
    for name, service in services().items():
        volumes = {volume["source"] for volume in service["volumes"] if volume["type"] == "volume"}
        assert volumes, name
        assert volumes <= named
        if name == "init":  # it ends: nothing to watch, and what waits for it needs its exit code
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert {"interval", "timeout", "retries"} <= set(service["healthcheck"]), name


def test_servers_and_the_api_are_reachable_from_this_host_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert len(ports) == len(SERVERS) + 1
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_agents_start_after_a_finished_init_and_init_after_healthy_servers() -> None:
    assert {name: rule["condition"] for name, rule in services()["init"]["depends_on"].items()} == dict.fromkeys(
        SERVERS, "service_healthy"
    )
    for name in AGENTS:
        conditions = {other: rule["condition"] for other, rule in services()[name]["depends_on"].items()}
        assert conditions == {"init": "service_completed_successfully"}


def test_models_lie_in_one_volume_for_all_agents_where_the_settings_look_for_them() -> None:
    for name in (*AGENTS, "init"):
        service = services()[name]
        (volume,) = service["volumes"]
        assert (volume["source"], volume["target"]) == ("artifacts", service["environment"]["SIGNALTAPE_HOME"])
    assert f"VOLUME {volume['target']}" in (ROOT / "Dockerfile").read_text()


def test_every_variable_is_a_setting() -> None:
    known = {"SIGNALTAPE_HOME"}
    for group, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        known |= {variable_name(f"{group}.{name}") for name in inner}
    for name in (*AGENTS, "init"):
        assert set(services()[name]["environment"]) - {"PGPASSWORD"} <= known


def test_every_command_is_one_of_ours() -> None:
    assert set(AGENTS) == set(SERVICES)
    for name in AGENTS:
        assert services()[name]["command"] == ["run", name]
        assert callable(entry_point(name))
        environment = services()[name]["environment"]
        assert services()[name]["healthcheck"]["test"] == [
            "CMD", "signaltape", "health", "--port", environment["SIGNALTAPE_METRICS__PORT"],
        ]  # fmt: skip
    assert services()["init"]["command"] == ["init"]


def test_every_agent_finds_the_others_by_their_names() -> None:
    """Their announcements lie in one volume, and each names a process and an address of its own container."""
    for name in AGENTS:
        environment = services()[name]["environment"]
        named = [split_target(one) for one in json.loads(environment["SIGNALTAPE_FLEET__TARGETS"])]
        port = int(environment["SIGNALTAPE_METRICS__PORT"])
        assert sorted(named) == sorted((service, service, port) for service in SERVICES)


def test_kafka_and_timescale_have_the_versions_of_the_local_stack() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{kafka_version()}"
    wanted = f"timescale/timescaledb:{extension_build.VERSION}-pg{installation._MAJOR}"
    assert services()["timescaledb"]["image"] == wanted


#: What is the local broker's own: where it lies and listens, and how small it is kept.
LOCAL_ONLY = re.compile(
    r"node\.id|process\.roles|controller\..*|.*listeners?(\..*)?|log\.dirs|num\..*|default\.replication\.factor"
    r"|.*\.num\.partitions|log\.cleaner\..*|broker\..*"
)


def test_the_broker_is_configured_as_the_local_one() -> None:
    local = dict(line.split("=", 1) for line in broker._PROPERTIES.splitlines() if "=" in line)
    local["offsets.retention.minutes"] = str(broker._TEN_YEARS_IN_MINUTES)
    environment = services()["kafka"]["environment"]
    checked = {name: value for name, value in local.items() if not LOCAL_ONLY.fullmatch(name)}
    assert "transaction.state.log.min.isr" in checked
    assert "message.max.bytes" in checked
    assert {name: environment.get("KAFKA_" + name.upper().replace(".", "_")) for name in checked} == checked


def test_the_dockerfile_copies_only_what_is_there_and_let_through() -> None:
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    let_through = {line[1:] for line in lines if line.startswith("!")}
    for source in copied():
        assert any(name == source or name.startswith(f"{source}/") for name in listed), source
        assert any(source == name or source.startswith(f"{name}/") for name in let_through), source
    for secret in (".env", ".git", ".venv", "tests", ".cache"):
        assert not any(secret == name or secret.startswith(f"{name}/") for name in let_through)
    assert "**/.env" in lines
    assert "**/__pycache__" in lines


def test_the_image_runs_as_an_ordinary_user_of_a_locked_python() -> None:
    assert dockerfile("USER") == ["signaltape"]
    assert dockerfile("FROM")[0].startswith("python:3.11-")
    assert dockerfile("ENTRYPOINT") == ['["signaltape"]']
