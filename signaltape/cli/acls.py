"""`signaltape acls`: what each role needs in Kafka, as commands of Kafka's own tool, or set at once."""

import json
from dataclasses import asdict
from typing import Annotated

import typer


def acls(
    role: Annotated[list[str] | None, typer.Option(help="Only this role; may be repeated. Default: all.")] = None,
    principal: Annotated[
        str, typer.Option(help="Kafka's name of a role's user; {role} stands for the role.")
    ] = "User:signaltape-{role}",
    apply: Annotated[
        bool, typer.Option("--apply", help="Set them on the broker; needs one of its super.users.")
    ] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print the roles as a Markdown table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print every right as JSON.")] = False,
) -> None:
    """Print the access control lists that the roles need under the topic prefix of the settings, or set them.

    Only what is missing is added; nothing is taken away.
    """
    from infra.broker.acls import Permission, add_permissions
    from infra.settings import load_settings
    from signaltape.permissions import ROLES, rights_of, role_named
    from signaltape.permissions.text import commands, table

    if as_table:
        typer.echo(table(), nl=False)
        return
    if not principal.startswith("User:"):
        raise typer.BadParameter(f"--principal {principal}: Kafka's names of users begin with User:")
    settings = load_settings()
    chosen = ROLES if not role else tuple(map(role_named, role))
    wanted = [
        Permission(principal=principal.replace("{role}", one.name), **asdict(right))
        for one in chosen
        for right in rights_of(one, settings.topics.prefix)
    ]
    if apply:
        added = add_permissions(settings, wanted)
        if as_json:
            typer.echo(json.dumps([asdict(one) for one in added]))
        else:
            typer.echo(f"{len(added)} added, {len(wanted) - len(added)} were there already")
    elif as_json:
        typer.echo(json.dumps([asdict(one) for one in wanted]))
    else:
        for one in chosen:
            typer.echo(f"# {one.name}: {one.purpose}")
            for line in commands(settings, one, principal.replace("{role}", one.name)):
                typer.echo(line)
