"""What the tests of the pages rely on is there."""

from infra.warehouse import connect
from tests.support.console_world import HOSTILE, ConsoleWorld


def rows(world: ConsoleWorld, table: str, where: str = "true") -> int:
    with connect(world.settings) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table} WHERE {where}".encode()).fetchone()
    assert found is not None
    return int(found[0])


def test_every_page_has_something_to_show(console_world: ConsoleWorld) -> None:
    answer = console_world.api.get("/console/flow")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"]
    for table in ("signals", "predictions", "drift_metrics", "alerts", "deployments", "repair_requests"):
        assert rows(console_world, table), table
    for symbol in HOSTILE:
        quoted = symbol.replace("'", "''")
        assert rows(console_world, "signals", f"symbol = '{quoted}'"), symbol
    console_world.stand.settled()  # bars of tests before may be on their way
    before = rows(console_world, "bars")
    console_world.stand.bar()
    console_world.stand.settled()
    assert rows(console_world, "bars") == before + len(console_world.stand.symbols)
