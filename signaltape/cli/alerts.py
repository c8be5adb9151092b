"""`signaltape alerts`: list and follow what was found, and what became of it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.warehouse.deliveries import ListedAlert
    from schemas.alerts import Alert

app = typer.Typer(no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """List and follow alerts."""


@app.command("list")
def list_alerts(
    strategy: Annotated[str, typer.Option(help="Only of this strategy.")] = "",
    severity: Annotated[str, typer.Option(help="The least: info, warning, severe, urgent.")] = "info",
    state: Annotated[str, typer.Option(help="Only with a delivery that is waiting, delivered or dead.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at the most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show stored alerts, newest first, and whether each sink has them."""
    from infra.settings import load_settings
    from infra.warehouse import Warehouse
    from infra.warehouse.deliveries import list_alerts as found
    from schemas.alerts import SEVERITIES

    if severity not in SEVERITIES:
        raise typer.BadParameter(f"--severity {severity}: give one of {', '.join(SEVERITIES)}")
    if state not in ("", "waiting", "delivered", "dead"):
        raise typer.BadParameter(f"--state {state}: give waiting, delivered or dead")
    settings, least = load_settings(), SEVERITIES[SEVERITIES.index(severity) :]
    with Warehouse(settings, "signaltape-alerts") as warehouse:
        rows = warehouse.run(
            lambda one: found(
                one, settings.topics.prefix, severities=least, strategy=strategy, state=state, limit=limit
            )
        )
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=lambda moment: moment.isoformat()))
        return
    for row in rows:
        what = f"{row.severity:<8} {row.rule:<24} {row.strategy} {row.subject}: {row.message}"
        typer.echo(f"{row.event_time:%Y-%m-%d %H:%M:%S}  {what}")
        typer.echo(f"    {_delivered(row)}")
    if not rows:
        typer.echo("no such alert is stored")


def _delivered(row: "ListedAlert") -> str:
    if row.published_at is None:
        return f"{row.alert_id}  waits for the drift agent, which publishes it"
    told = [
        f"{sink}: {one['state']} ({one['attempts']} attempts{', ' + one['last_error'] if one['last_error'] else ''})"
        for sink, one in sorted(row.deliveries.items())
    ]
    return f"{row.alert_id}  " + ("; ".join(told) or "no delivery: no sink was set, or no responder took it yet")


@app.command()
def tail(
    start: Annotated[str, typer.Option(help="recent (a week), beginning or end.")] = "recent",
    once: Annotated[bool, typer.Option("--once", help="Stop when there is nothing more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print alerts as they come, after those of the last week, each once."""
    from signaltape.client import AlertSubscriber

    with AlertSubscriber(start=start) as subscriber:
        while not (once and subscriber.caught_up):
            for alert in subscriber.poll(1.0):
                typer.echo(json.dumps(asdict(alert)) if as_json else _line(alert))


def _line(alert: "Alert") -> str:
    time = datetime.fromtimestamp(alert.event_time // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    action = f" → {alert.suggested_action}" if alert.suggested_action else ""
    return f"{time}  {alert.severity:<8} {alert.rule:<24} {alert.strategy} {alert.subject}: {alert.message}{action}"
