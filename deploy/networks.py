"""The commands that bring networks to this machine: models add, models pull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from api.cli.command import Failed, Json, Misused, add, err, out, print_json
from shared.problems import nearest

if TYPE_CHECKING:
    from shared.cards import Card

Preprocessing = Literal["raw", "unit", "signed", "centred", "caffe"]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the group `models`."""
    models = next(group.typer_instance for group in app.registered_groups if group.name == "models")
    if models is None:
        raise LookupError("the commands about networks are added after the group they belong to")
    add(models, add_model, name="add")
    add(models, pull_model, name="pull")


def add_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What jobs will call it")],
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help=".keras, .h5 or .pb")],
    preprocessing: Annotated[
        Preprocessing | None,
        typer.Option(
            "--pictures",
            help="How it wants its pictures: raw 0 to 255, unit 0 to 1, signed -1 to 1, centred minus 117, "
            "caffe blue-green-red minus the mean",
        ),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Shown with the model")] = "unknown",
    as_json: Json = False,
) -> None:
    """Register a network of your own, for this machine's workers.

    What comes behind a layer that the farm does not know is left out.

    Example: dreamfarm models add flowers flowers.keras --pictures unit
    """
    from shared.settings import settings
    from worker.networks.adding import add as register
    from worker.networks.collect import BadModel

    try:
        card, notes = register(name, file, folder=settings().networks, preprocessing=preprocessing, licence=licence)
    except BadModel as error:
        raise Misused(str(error)) from None
    for note in notes:
        err.print(note, style="yellow", markup=False)
    _tell(card, as_json)


def pull_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A published network")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Another address of the same file")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a published network for this machine's workers: inception5h, inception_v3, vgg16, vgg19.

    Example: dreamfarm models pull inception5h
    """
    from shared.settings import settings
    from worker.networks.collect import BadModel
    from worker.networks.downloads import PUBLISHED, DownloadFailed, pull

    if model not in PUBLISHED:
        raise Misused(f"{model!r} is not published{nearest(model, PUBLISHED)}; there are: {', '.join(PUBLISHED)}")
    try:
        with err.status(f"downloading {model}") as status:

            def watch(done: int, whole: int | None) -> None:
                share = "" if whole is None else f" of {whole / 1e6:.0f}"
                status.update(f"downloading {model}: {done / 1e6:.0f}{share} MB")

            card = pull(model, folder=settings().networks, source=source, watch=watch)
    except (DownloadFailed, BadModel) as error:
        raise Failed(str(error)) from None
    _tell(card, as_json)


def _tell(card: Card, as_json: bool) -> None:
    if as_json:
        print_json(card)
        return
    out.print(
        Text(card.name, style="bold").append(
            f": {len(card.layers)} layers, dreams on {card.objective} (dreamfarm layers {card.name})", style="not bold"
        ),
        soft_wrap=True,
    )
