"""The commands that bring networks to this machine: models add, models pull, models portray."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn
from rich.text import Text

from api.cli.command import Failed, Json, Misused, add, err, out, print_json
from deploy.data_folder import Data, use
from deploy.devices import require_rendering
from deploy.portraying import portray_model
from shared.problems import nearest

if TYPE_CHECKING:
    from shared.cards import Card

Preprocessing = Literal["raw", "unit", "signed", "centred", "imagenet", "caffe", "torch"]
Pooling = Literal["own", "average"]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the group `models`."""
    models = next(group.typer_instance for group in app.registered_groups if group.name == "models")
    if models is None:
        raise LookupError("the commands about networks are added after the group they belong to")
    add(models, add_model, name="add")
    add(models, pull_model, name="pull")
    add(models, portray_model, name="portray")


def add_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What jobs will call it")],
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help=".keras, .h5, .pb or .mat")],
    preprocessing: Annotated[
        Preprocessing | None,
        typer.Option(
            "--pictures",
            help="How it wants its pictures: raw 0 to 255, unit 0 to 1, signed -1 to 1, centred minus 117, imagenet "
            "minus ImageNet's mean, caffe the same in blue-green-red, torch 0 to 1 minus the mean by the deviation",
        ),
    ] = None,
    pooling: Annotated[
        Pooling, typer.Option("--pooling", help="average: replace all pools by average pools, for style transfers")
    ] = "own",
    classes: Annotated[
        Path | None,
        typer.Option(
            "--classes",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Text file with its classes' names, one a line",
        ),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Shown with the model")] = "unknown",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Register a network of your own, for this machine's workers.

    What comes behind a layer that the farm does not know is left out. No code in the file is run.

    Example: dreamfarm models add flowers flowers.keras --pictures unit
    """
    require_rendering()
    from shared.settings import settings
    from worker.networks.adding import add as register
    from worker.networks.collect import BadModel

    use(data)
    try:
        card, notes = register(
            name,
            file,
            folder=settings().networks,
            preprocessing=preprocessing,
            pooling=pooling,
            classes=[] if classes is None else classes.read_text(encoding="utf-8").splitlines(),
            licence=licence,
        )
    except (BadModel, UnicodeDecodeError) as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Failed(f"{name} cannot be kept: {error}") from None
    _tell(card, notes, as_json)


def pull_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A published network")],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE|URL", help="The same file, if it is here already or at another address"),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Download a published network for this machine's workers.

    There are inception5h (50 MB), inception_v3 (96 MB), vgg16 (59 MB), vgg19 (80 MB) and Gatys' vgg19_matconvnet
    (535 MB). A download that broke off goes on where it was.

    Example: dreamfarm models pull inception5h
    """
    require_rendering()
    from shared.settings import settings
    from worker.networks.collect import BadModel
    from worker.networks.downloads import pull
    from worker.networks.fetching import DownloadFailed
    from worker.networks.published import PUBLISHED

    if model not in PUBLISHED:
        raise Misused(f"{model!r} is not published{nearest(model, PUBLISHED)}; there are: {', '.join(PUBLISHED)}")
    use(data)
    folders = {"folder": settings().networks, "cache": settings().data / "downloads"}
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=err, transient=True) as progress:
            task = progress.add_task(model, total=PUBLISHED[model].megabytes * 1e6)

            def watch(done: int, whole: int | None) -> None:
                progress.update(task, completed=done, total=whole)

            card, notes = pull(model, **folders, source=source, watch=watch)
    except (DownloadFailed, BadModel) as error:
        raise Failed(str(error)) from None
    except OSError as error:
        raise Failed(f"{model} cannot be kept: {error}") from None
    _tell(card, notes, as_json)


def _tell(card: Card, notes: list[str], as_json: bool) -> None:
    for note in notes:
        err.print(note, style="yellow", markup=False)
    if as_json:
        print_json(card)
        return
    out.print(
        Text(card.name, style="bold").append(
            f": {len(card.layers)} layers, dreams on {card.objective} (dreamfarm layers {card.name})", style="not bold"
        ),
        soft_wrap=True,
    )
