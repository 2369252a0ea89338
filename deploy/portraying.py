"""The command that has a network portray itself: models portray."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.text import Text

from api.cli.command import Failed, Json, Misused, err, out, print_json
from deploy.data_folder import Data, use
from deploy.rendering import open_bench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.inprocess import Bench
    from shared.cards import Card, Layer
    from shared.portraits import Album, Portrait

_QUALITY = 88
#: A portrait that varies by less, in grey levels, is still the noise that it began as: nothing stirred the channel.
_STILL = 2.0


def portray_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A network's name")],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer", help="Portray this one; again for more [default: its classes, and the layer it dreams on]"
        ),
    ] = None,
    channels: Annotated[
        int, typer.Option(min=0, help="Of each layer so many channels, evenly spread, beside the layer as a whole")
    ] = 24,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Side of the portraits in pixels")] = 160,
    iterations: Annotated[int, typer.Option(min=1, max=1000, help="Steps in each octave")] = 14,
    again: Annotated[bool, typer.Option("--again", help="Also those that are there already")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Another folder than the network's own")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Have a network portray its layers and channels, for the gallery's page of networks.

    Runs here, without a farm. Stopped with Ctrl-C, it goes on where it was when it is started again. Channels that noise
    does not stir get no portrait.

    Example: dreamfarm models portray flowers --layer conv2d_3 --channels 64
    """
    from shared.cards import UnknownModel, card
    from shared.portraits import Album, album

    use(data)
    try:
        known = card(model)
    except UnknownModel as error:
        raise Misused(str(error.args[0])) from None
    wanted = list(_wanted(known, _layers(known, layer), channels))
    kept = album(known) if folder is None else Album(folder, known.digest)
    missing = [portrait for portrait in wanted if again or portrait not in kept]
    made = _portray(known, missing, kept, size, iterations) if missing else 0
    if as_json:
        print_json(kept.portraits)
        return
    told = f": {made} made, {len(kept.portraits)} in all, in {kept.folder}"
    out.print(Text(model, style="bold").append(told, style="not bold"), soft_wrap=True)


def _portray(card: Card, missing: Sequence[Portrait], kept: Album, size: int, iterations: int) -> int:
    """Makes these portraits, with a progress bar, and keeps them; how many came of it. Raises Failed."""
    bench = open_bench(card.name)
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    made = 0
    with Progress(*columns, console=err, transient=True) as progress:
        for portrait in progress.track(missing, description=f"portraits of {card.name}"):
            jpeg = _render(bench, card, portrait, size, iterations)
            try:
                if jpeg is None:
                    kept.add_still(portrait)
                    name = portrait.name(card.by_name[portrait.layer])
                    err.print(f"{name} of {portrait.layer} does not stir", markup=False)
                    continue
                kept.add(portrait, jpeg)
            except OSError as error:
                raise Failed(f"the portraits cannot be kept: {error}") from None
            made += 1
    return made


def _layers(card: Card, names: Sequence[str] | None) -> list[Layer]:
    """The layers of these names, or those to show by default. Raises Misused."""
    from shared.cards import UnknownLayer

    names = names or list(dict.fromkeys(name for name in (card.logits, card.objective) if name))
    try:
        return [card.find_layer(name) for name in names]
    except UnknownLayer as error:
        raise Misused(str(error)) from None


def _wanted(card: Card, layers: Sequence[Layer], channels: int) -> Iterator[Portrait]:
    from shared.portraits import Portrait

    for layer in layers:
        # Classes as a whole are of no interest, but each of them is.
        if layer.name != card.logits:
            yield Portrait(layer=layer.name, channel=None)
        count = layer.channels if layer.name == card.logits and layer.channel_names else min(channels, layer.channels)
        for k in range(count):
            yield Portrait(layer=layer.name, channel=round(k * (layer.channels - 1) / max(count - 1, 1)))


def _render(bench: Bench, card: Card, portrait: Portrait, size: int, iterations: int) -> bytes | None:
    """The portrait, a JPEG; None when nothing came of it. Raises Failed."""
    from shared.pictures import encode
    from shared.portraits import RECIPE
    from shared.specs import DreamSpec, Output
    from worker.render import RenderError

    spec = DreamSpec.model_validate(
        RECIPE
        | {
            "model": card.name,
            "objective": [{"layer": portrait.layer, "channel": portrait.channel}],
            "size": {"long_edge": max(size, card.by_name[portrait.layer].min_size, card.min_size)},
            "iterations": iterations,
        }
    )
    try:
        rendered = bench.render(spec, {}, show=lambda _: None)
    except RenderError as error:
        raise Failed(f"{portrait.layer} cannot be portrayed: {error}") from None
    if rendered.rgb.std() < _STILL:
        return None
    return encode(rendered.rgb, Output(format="jpeg", quality=_QUALITY))
