"""`signaltape health`: is a service on this machine ready? For health checks of containers."""

from typing import Annotated

import typer


def health(
    port: Annotated[int, typer.Option(help="Port on which the service serves /ready.")],
    host: Annotated[str, typer.Option(help="Host of the service.")] = "127.0.0.1",
) -> None:
    """Exit 0 if the service says that it can serve, 1 with its reasons otherwise."""
    import http.client

    connection = http.client.HTTPConnection(host, port, timeout=4.0)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except OSError as error:
        typer.echo(f"nothing answers on {host}:{port} ({error})", err=True)
        raise typer.Exit(1) from error
    finally:
        connection.close()
    typer.echo(body)
    raise typer.Exit(0 if answer.status == 200 else 1)
