"""`signaltape repair`: accept that a topic or the database is not what the checkpoints remember."""

import dataclasses
import json
from typing import Annotated

import typer


def repair(
    service: Annotated[str, typer.Option("--service", help="features, store, drift, responder or inference.")],
    topic: Annotated[str | None, typer.Option("--topic", help="Only this topic (full name).")] = None,
    discard: Annotated[
        bool, typer.Option("--discard", help="Give up messages that readers of a broken chain have not taken.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Repair the checkpoints of a stopped service whose topic was recreated or has expired, or whose database is older.

    Rows that were written stay; what is written from now on carries a new generation. Partitions in order are left
    alone.
    """
    from infra.settings import load_settings
    from signaltape.repair import repair as repair_service

    done = repair_service(load_settings(), service, topic, discard=discard)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(one) for one in done], indent=2))
        return
    for one in done:
        typer.echo(
            f"{one.topic}[{one.partition}] {one.fault}: goes on at offset {one.offset}, generation {one.generation}"
        )
    typer.echo(f"{len(done)} partitions repaired" if done else "nothing to repair")
