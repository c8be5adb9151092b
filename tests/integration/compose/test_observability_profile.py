"""The profile `observability` of docker-compose.yml, as far as that goes without a daemon."""

import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.settings import Settings
from infra.stack.installation import _wheel_folder
from infra.warehouse import connect
from signaltape.initialisation import initialise
from tests.support.compose import PASSWORD, ROOT, run_config, services
from tests.support.isolation import unique_name

PROFILE = "observability"
ADDED = {"prometheus", "grafana-login", "grafana", "kafka-ui"}
GRAFANA = ROOT / "infra" / "grafana"


def added() -> dict[str, dict[str, Any]]:
    return {name: services(PROFILE)[name] for name in ADDED}


def mounts(name: str) -> dict[str, dict[str, Any]]:
    return {volume["target"]: volume for volume in added()[name]["volumes"] if volume["type"] == "bind"}


def test_without_the_profile_nothing_of_it_is_there_and_no_further_password_is_asked_for() -> None:
    assert set(services(PROFILE)) - set(services()) == ADDED
    assert run_config("-q", profiles=(PROFILE,)).returncode == 0


def test_images_are_pinned_and_of_the_database_the_same() -> None:
    images = {name: one["image"] for name, one in added().items()}
    assert all(image.rpartition(":")[2][:1].isdigit() or ":v" in image for image in images.values()), images
    assert images["grafana-login"] == services()["timescaledb"]["image"]


def test_each_is_watched_and_restarted_and_reachable_from_this_host_only() -> None:
    for name, one in added().items():
        if name == "grafana-login":
            assert one["restart"] == "no"
            continue
        assert one["restart"] == "unless-stopped", name
        assert {"test", "interval", "timeout", "retries"} <= set(one["healthcheck"]), name
        assert [port["host_ip"] for port in one["ports"]] == ["127.0.0.1"], name


def test_files_are_mounted_to_be_read_where_they_are_looked_for() -> None:
    prometheus = mounts("prometheus")["/etc/prometheus"]
    assert Path(prometheus["source"]) == ROOT / "infra" / "prometheus"
    assert "--config.file=/etc/prometheus/prometheus.yml" in added()["prometheus"]["command"]
    found = {target: Path(volume["source"]) for target, volume in mounts("grafana").items()}
    assert found == {
        "/etc/grafana/provisioning": GRAFANA / "provisioning",
        "/etc/grafana/dashboards": GRAFANA / "dashboards",
    }
    assert all(volume["read_only"] for name in ADDED - {"kafka-ui"} for volume in mounts(name).values())
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/signaltape.yaml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    home = added()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (GRAFANA / "dashboards" / Path(home).name).is_file()


def test_every_variable_of_the_data_sources_is_given_and_no_secret_stands_in_them() -> None:
    text = (GRAFANA / "provisioning/datasources/signaltape.yaml").read_text()
    environment = added()["grafana"]["environment"]
    wanted = {part.partition("}")[0] for part in text.split("${")[1:]}
    assert "SIGNALTAPE_GRAFANA_DB_PASSWORD" in wanted
    assert wanted == {name for name in environment if name.startswith("SIGNALTAPE_")}
    metrics, tables = yaml.safe_load(text)["datasources"]
    assert tables["secureJsonData"] == {"password": "${SIGNALTAPE_GRAFANA_DB_PASSWORD}"}
    assert (metrics["editable"], tables["editable"]) == (False, False)
    assert environment["SIGNALTAPE_GRAFANA_DB_ADDRESS"].partition(":")[0] in services()
    assert environment["SIGNALTAPE_GRAFANA_PROMETHEUS_URL"] == "http://prometheus:9090"


def test_nobody_gets_in_without_a_password_and_it_calls_nobody() -> None:
    environment = added()["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert environment["GF_ANALYTICS_REPORTING_ENABLED"] == "false"
    needed = {name: rule["condition"] for name, rule in added()["grafana"]["depends_on"].items()}
    assert needed["grafana-login"] == "service_completed_successfully"
    assert added()["kafka-ui"]["environment"]["KAFKA_CLUSTERS_0_READONLY"] == "true"


def login(dsn: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run what the service runs, against a database of the local stack."""
    own: dict[str, str] = added()["grafana-login"]["environment"]
    assert added()["grafana-login"]["entrypoint"] == ["/bin/sh", "/grafana/login.sh"]
    place = {f"PG{key.upper()}": str(value) for key, value in conninfo_to_dict(dsn).items() if key != "dbname"}
    place["PGDATABASE"] = str(conninfo_to_dict(dsn)["dbname"])
    path = f"{_wheel_folder() / 'pginstall' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    argv = ["/bin/sh", str(GRAFANA / "login.sh")]
    environment = {"PATH": path, **own, **place, **changes}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("missing", ["SIGNALTAPE_GRAFANA_PASSWORD", "SIGNALTAPE_GRAFANA_DB_PASSWORD"])
def test_without_a_password_it_says_which(missing: str) -> None:
    both = {"SIGNALTAPE_GRAFANA_PASSWORD": "a", "SIGNALTAPE_GRAFANA_DB_PASSWORD": "b", missing: ""}
    answer = login("postgresql://nobody@127.0.0.1:1/none", **both)
    assert answer.returncode != 0
    assert f"set {missing}" in answer.stderr


def test_it_makes_a_user_that_reads_and_changes_nothing(settings: Settings) -> None:
    initialise(settings)
    user = unique_name("grafana")
    secrets = {"SIGNALTAPE_GRAFANA_DB_USER": user, "SIGNALTAPE_GRAFANA_PASSWORD": "unused"}
    try:
        for password in ("first", PASSWORD):  # again, with another one
            answer = login(settings.postgres.dsn, **secrets, SIGNALTAPE_GRAFANA_DB_PASSWORD=password)
            assert answer.returncode == 0, answer.stderr
            assert password not in answer.stdout + answer.stderr
        with psycopg.connect(make_conninfo(settings.postgres.dsn, user=user, password=PASSWORD)) as reading:
            assert reading.execute("SELECT count(*) FROM signals").fetchone() == (0,)
            for statement in ("DELETE FROM signals", "CREATE TABLE mine ()", "DROP VIEW drift_daily"):
                with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)):
                    reading.execute(statement)
                reading.rollback()
            reading.execute("SET default_transaction_read_only = off")
            reading.commit()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reading.execute("DELETE FROM signals")
    finally:
        with connect(settings) as admin:
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(user)))
