"""`signaltape health`: is a service on this machine ready? For health checks of containers."""

from typing import Annotated

import typer


def health(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on which the service serves /ready.")],
    host: Annotated[str, typer.Option(help="Host of the service.")] = "127.0.0.1",
    as_json: Annotated[bool, typer.Option("--json", help="Print the service's own answer.")] = False,
) -> None:
    """Exit 0 if the service says that it can serve, 1 with its reasons otherwise."""
    import http.client
    import json

    connection = http.client.HTTPConnection(host, port, timeout=4.0)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        report = json.loads(body)
        checks = report["checks"]
    except OSError as error:
        typer.echo(f"nothing answers on {host}:{port} ({error})", err=True)
        raise typer.Exit(1) from error
    except (http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        typer.echo(f"what answers on {host}:{port} is no service of signaltape", err=True)
        raise typer.Exit(1) from error
    finally:
        connection.close()
    if as_json:
        typer.echo(body)
    else:
        typer.echo(report["status"])
        for name, check in checks.items():
            state = "ok" if check["ok"] else "NOT ok"
            typer.echo(f"  {name}: {state}" + (f" ({check['detail']})" if check["detail"] else ""))
    raise typer.Exit(0 if answer.status == 200 else 1)
