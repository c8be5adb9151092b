"""Everything over TLS and SASL, every process as a user of its own: it works, and nobody can do more than its role."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from consumers.shell.credentials import credentials
from consumers.shell.errors import ShellError
from infra.broker.admin import check_partitions
from infra.broker.handshake import HandshakeRefused
from infra.broker.permissions import NotPermitted
from infra.online import OnlineUnavailable
from infra.online.server import OnlineServer
from infra.settings import Settings
from infra.stack.checks import server_checks
from infra.warehouse import WarehouseUnavailable, connect
from infra.warehouse.audit import newest_lines
from schemas.topics import TOPICS, TopicNames
from signaltape.client import Control, SignalSubscriber
from signaltape.client.errors import ClientError
from signaltape.initialisation import initialise
from signaltape.permissions import ROLES
from tests.integration.security.conftest import TOKEN, SecuredPlace, permit
from tests.support.api import running_api
from tests.support.certificates import Authority
from tests.support.commands import runner
from tests.support.kafka_rights import readable, writable
from tests.support.services import ServiceProcess
from tests.support.serving_world import STRATEGY, register
from tests.support.waiting import wait_for
from tests.support.world import publish, small_market, wait_drained, wait_relayed

pytestmark = pytest.mark.slow

SERVICES = ("store", "responder", "drift", "inference", "features", "ingest", "monitor")


@pytest.fixture(scope="module")
def flowed(place: SecuredPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Bars have gone through everything; the logs and metrics of each service."""
    operator = place.users["operator"]
    ref = register(operator, tmp_path_factory.mktemp("model"))
    Control(operator).issue("activate", strategy=STRATEGY, model=ref.name, model_version=ref.version, reason="test")
    started = {name: ServiceProcess(place.users[name], name) for name in SERVICES}
    told: dict[str, str] = {}
    try:
        for process in started.values():
            process.wait_ready()
        wait_relayed(operator, 1)
        publish(place.users["feed-handler"], small_market(symbols=8, bars=40))
        wait_drained(operator)
        with running_api(place.users["api"], token=TOKEN) as api:
            api.post("/pause", json={"reason": "x"}, headers={"Authorization": "Bearer a-wrong-token-1"})
            assert api.decide("pause", symbols=["NOBODY"], reason="a test").status_code == 200
            told["api metrics"] = api.get("/metrics").text
        told |= {f"{name} metrics": metrics(operator, name) for name in started}
        for process in started.values():
            assert process.stop() == 0, process.tail()
        told |= {path.name: path.read_text() for path in (operator.home / "logs").iterdir()}
        yield told
    finally:
        for process in started.values():
            if process.poll() is None:
                process.kill()


def metrics(settings: Settings, service: str) -> str:
    port = json.loads((settings.home / "run" / f"{service}-0.json").read_text())["port"]
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30.0).text


def test_the_pipeline_works_with_a_user_for_each_process(place: SecuredPlace, flowed: dict[str, str]) -> None:
    with connect(place.users["operator"]) as connection:
        found = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
            for table in ("bars", "features", "predictions", "signals", "digests", "deployments")
        }
        encrypted = connection.pgconn.ssl_in_use
        owners = connection.execute(
            "SELECT DISTINCT tableowner = current_user FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert encrypted
    assert owners == [(False,)], "no process ran as the owner"
    assert all(row is not None and row[0] > 0 for row in found.values()), found
    with SignalSubscriber(settings=place.users["gateway"], start="beginning") as signals:
        assert wait_for(lambda: signals.poll(0.5), 60, "a signal for the gateway")
    keys = OnlineServer(place.users["features"]).client.keys(f"{place.admin.topics.prefix}*")
    assert len(keys) > 8, "vectors and signals are in Redis"


def test_no_secret_is_in_any_log_or_metric(place: SecuredPlace, flowed: dict[str, str]) -> None:
    assert len(flowed) >= 2 * len(SERVICES)
    assert all(text for text in flowed.values())
    for name, text in flowed.items():
        for secret in (*place.secrets, "a-wrong-token-1"):
            assert secret not in text, name


def test_no_secret_is_shown_by_the_commands(
    place: SecuredPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(place.users["api"], monkeypatch, capsys)
    for command in (("config", "show"), ("config", "show", "--json"), ("doctor",), ("audit", "list"), ("acls",)):
        ran = run(*command)
        assert ran.out
        for secret in place.secrets:
            assert secret not in ran.out + ran.err, command


def test_who_changed_something_over_http(place: SecuredPlace, flowed: dict[str, str]) -> None:
    with connect(place.users["operator"]) as connection:
        lines = newest_lines(connection, place.admin.topics.prefix, limit=10)
    assert [(one.outcome, one.who) for one in lines[::-1]] == [("refused", ""), ("asked", "anna"), ("done", "anna")]


def test_each_role_writes_and_reads_what_its_table_says_and_nothing_else(place: SecuredPlace) -> None:
    """On topics of their own, so that what is written harms nothing."""
    apart = place.admin.model_copy(
        update={"topics": place.admin.topics.model_copy(update={"prefix": f"{place.admin.topics.prefix}x."})}
    )
    initialise(apart)
    names = TopicNames(apart.topics.prefix)
    permit(apart)
    everything = [*(topic.name for topic in TOPICS), *(f"{topic.name} dlq" for topic in TOPICS)]
    full = {name: names.dlq(names.of(name[:-4])) if name.endswith(" dlq") else names.of(name) for name in everything}
    for role in ROLES:
        settings = place.users[role.name]
        letters = [f"{topic.name} dlq" for topic in TOPICS] if role.letters_too else []
        expected = {full[name] for name in (*role.writes, *(f"{name} dlq" for name in role.letters))}
        assert writable(settings, list(full.values())) == expected, role.name
        expected = {full[name] for name in (*role.reads, *letters)}
        assert readable(settings, list(full.values()), expected) == expected, role.name


def test_only_who_may_decide_can_promote(place: SecuredPlace) -> None:
    topic = TopicNames(place.admin.topics.prefix).control
    for name in ("gateway", "alert-consumer", "feed-handler", "researcher", "store", "inference", "monitor"):
        assert writable(place.users[name], [topic]) == set(), name
    assert [role.name for role in ROLES if "control" in role.writes] == ["responder", "api", "operator"]


@pytest.mark.parametrize("role", ["feed-handler", "alert-consumer"], ids=["may describe them", "may not even that"])
def test_who_may_not_read_signals_is_told_so(place: SecuredPlace, role: str) -> None:
    with (
        pytest.raises(ClientError, match=r"signaltape acls"),
        SignalSubscriber(settings=place.users[role], start="beginning") as signals,
    ):
        wait_for(lambda: signals.poll(0.5), 60)


def test_a_role_that_is_missing_is_named(place: SecuredPlace) -> None:
    with pytest.raises(NotPermitted, match=r"topic .* `signaltape acls`"):
        check_partitions(place.users["gateway"])


def test_acls_are_set_once_and_only_by_who_may(
    place: SecuredPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    again = runner(place.admin, monkeypatch, capsys)("acls", "--apply", "--principal", "User:{role}")
    assert again.code == 0, again.err
    assert again.out.startswith("0 added, ")
    refused = runner(place.users["operator"], monkeypatch, capsys)("acls", "--apply")
    assert refused.code == 1
    assert "super.users" in refused.err


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sasl.password": "a-wrong-password"}, r"sasl\.username, sasl\.password"),
        ({"sasl.mechanism": "PLAIN"}, r"sasl\.mechanism"),
        ({"ssl.ca.location": "{other}"}, r"ssl\.ca\.location"),
        ({"ssl.ca.location": "/nowhere/ca.pem"}, r"ssl\.ca\.location"),
        ({"security.protocol": "PLAINTEXT"}, r"security\.protocol"),
        ({"sasl.pasword": "x"}, r"sasl\.pasword"),
    ],
    ids=["password", "mechanism", "authority", "no such file", "plaintext", "misspelt"],
)
def test_a_connection_that_is_refused_names_the_setting(
    place: SecuredPlace, tmp_path: Path, changes: dict[str, str], word: str
) -> None:
    other = {key: value.replace("{other}", str(Authority(tmp_path / "other").ca)) for key, value in changes.items()}
    options = {**place.broker.options("store"), **other, "log_level": "0"}
    kafka = place.admin.kafka.model_copy(update={"options": options})
    settings = place.users["store"].model_copy(update={"kafka": kafka})
    with pytest.raises(HandshakeRefused, match=word) as caught:
        check_partitions(settings)
    assert "SIGNALTAPE_KAFKA__OPTIONS" in str(caught.value)
    assert "a-wrong-password" not in str(caught.value)


def test_a_service_that_is_refused_says_so_and_ends(place: SecuredPlace) -> None:
    options = {**place.broker.options("features"), "sasl.password": "a-wrong-password"}
    kafka = place.admin.kafka.model_copy(update={"options": options})
    process = ServiceProcess(place.users["features"].model_copy(update={"kafka": kafka}), "features", 7)
    assert process.wait_exit() == 1
    assert "SIGNALTAPE_KAFKA__OPTIONS" in process.tail()
    assert "a-wrong-password" not in process.log.read_text()


def test_faust_verifies_the_broker_as_the_other_clients_do(place: SecuredPlace) -> None:
    found = credentials(place.broker.options("drift"))
    assert found.ssl_context.check_hostname
    with pytest.raises(ShellError, match=r"ssl\.ca\.location"):
        credentials({**place.broker.options("drift"), "ssl.ca.location": "/nowhere/ca.pem"})


def test_a_database_that_is_not_the_one_is_refused(place: SecuredPlace, tmp_path: Path) -> None:
    dsn = place.admin.postgres.dsn
    other = make_conninfo(dsn, sslrootcert=str(Authority(tmp_path / "other").ca))
    named = make_conninfo(dsn, host="signaltape.example", hostaddr="127.0.0.1")
    for changed, word in ((other, "certificate verify failed"), (named, "does not match host name")):
        group = place.admin.postgres.model_copy(update={"dsn": changed})
        with pytest.raises(WarehouseUnavailable, match=word) as caught:
            connect(place.admin.model_copy(update={"postgres": group}))
        assert not any(secret in str(caught.value) for secret in place.secrets)


def test_a_redis_that_is_not_the_one_or_a_wrong_password_is_refused(place: SecuredPlace, tmp_path: Path) -> None:
    url = place.admin.redis.url
    for changed, word in (
        (url.replace(str(place.authority.ca), str(Authority(tmp_path / "other").ca)), "certificate"),
        (url.replace("a-password-of-redis", "a-wrong-password"), "password"),
    ):
        redis = place.admin.redis.model_copy(update={"url": changed})
        server = OnlineServer(place.admin.model_copy(update={"redis": redis}))
        with pytest.raises(OnlineUnavailable, match=word) as caught:
            server.attempt(server.client.ping)
        assert "a-wrong-password" not in str(caught.value)


def test_doctor_names_what_is_wrong_with_kafka(place: SecuredPlace) -> None:
    options = {**place.broker.options("store"), "sasl.password": "a-wrong-password"}
    kafka = place.admin.kafka.model_copy(update={"options": options})
    (check,) = [one for one in server_checks(place.admin.model_copy(update={"kafka": kafka})) if one.name == "kafka"]
    assert (check.state, "sasl.password" in check.detail) == ("fail", True)
