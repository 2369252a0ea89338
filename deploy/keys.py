"""`dreamfarm keys`: API keys, made where the database is. The first admin of a cluster gets theirs this way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.command import Failed, Json, Misused, add, group, print_json
from shared.states import Role

if TYPE_CHECKING:
    from shared.store import Store


def add_commands(app: typer.Typer, panel: str) -> None:
    """Add this module's commands."""
    keys = group(
        "API keys, straight in the database.", "dreamfarm keys make ada --role admin", "dreamfarm keys revoke kx2vq8"
    )
    add(keys, make, name="make")
    add(keys, ls)
    add(keys, revoke)
    app.add_typer(keys, name="keys", rich_help_panel=panel)


def make(
    owner: Annotated[str, typer.Argument(help="Whose key it is; jobs are shared out fairly between owners.")],
    role: Annotated[
        Role, typer.Option(help="viewers look, submitters submit and steer, admins see all.")
    ] = "submitter",
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
) -> None:
    """Make a key and print it. It cannot be shown again: only its digest is kept.

    Example: dreamfarm keys make ada --role admin
    """
    from pydantic import ValidationError

    from api.schemas import NewKey
    from shared.store import keys

    try:
        NewKey(owner=owner, role=role, label=label)
    except ValidationError as error:
        mistake = error.errors()[0]
        raise Misused(f"{mistake['loc'][0]}: {mistake['msg']}") from None
    with _store() as store, store.write() as session:
        _, key = keys.create(session, owner, role, label)
    typer.echo(key)


def ls(as_json: Json = False) -> None:
    """List the keys, without the keys themselves.

    Example: dreamfarm keys ls
    """
    from shared.store import keys

    with _store() as store, store.read() as session:
        found = [
            {
                "id": key.id,
                "owner": key.owner,
                "role": key.role,
                "label": key.label,
                "created": datetime.fromtimestamp(key.created_at, UTC).isoformat(timespec="seconds"),
                "revoked": key.revoked_at is not None,
            }
            for key in keys.listed(session)
        ]
    if as_json:
        print_json(found)
        return
    for row in found:
        revoked = "  revoked" if row["revoked"] else ""
        typer.echo(f"{row['id']}  {row['owner']:<16} {row['role']:<10} {row['created']}  {row['label']}{revoked}")


def revoke(key: Annotated[str, typer.Argument(metavar="ID", help="The key's ID, as `keys ls` shows it.")]) -> None:
    """Close a key for good.

    Example: dreamfarm keys revoke kx2vq8
    """
    from shared.store import keys

    with _store() as store, store.write() as session:
        if not keys.revoke(session, key):
            raise Failed(f"there is no key {key!r}; `dreamfarm keys ls` lists them")


@contextmanager
def _store() -> Iterator[Store]:
    from shared.settings import Settings
    from shared.store import Store

    store = Store(Settings().database)
    try:
        yield store
    finally:
        store.dispose()
