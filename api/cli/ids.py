"""IDs as people type them: a job's or a batch's, shortened to any prefix that fits one only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.command import Misused

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import BatchView, JobView

Id = Annotated[
    str, typer.Argument(metavar="ID", help="A job's or a batch's ID, or the start of it", show_default=False)
]

Ids = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Jobs' or batches' IDs, or the starts of them", show_default=False)
]


def is_batch(id: str) -> bool:
    """Whether an ID is a batch's. Raises Misused when it is neither a batch's nor a job's."""
    if id[:1].lower() not in ("j", "b") or not (id.isascii() and id.isalnum()):
        raise Misused(f"{id!r} is not an ID: a job's starts with j, a batch's with b (see `dreamfarm ls`)")
    return id[:1].lower() == "b"


def found(farm: Farm, ids: Sequence[str]) -> list[JobView | BatchView]:
    """All that is named, so that a mistyped ID is told before anything is done. Raises Misused, FarmError."""
    batches = [is_batch(id) for id in ids]
    return [farm.batch(id) if batch else farm.job(id) for id, batch in zip(ids, batches, strict=True)]
