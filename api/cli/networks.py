"""The commands about networks: models, layers. Without a farm they tell of the networks that come with this software."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from api.cli import words
from api.cli.command import Json, Misused, add, out, prepared, print_json
from api.remote.errors import NoFarm
from shared.problems import nearest

if TYPE_CHECKING:
    from api.client import Farm
    from api.schemas import LayerView, ModelView
    from shared.cards import Card, Layer

_PANEL = "Networks and plans"
#: More classes than this are not listed among a network's facts.
_NAMES = 200


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    models = typer.Typer(invoke_without_command=True)
    models.callback()(prepared(list_models))
    add(models, show, name="show")
    app.add_typer(models, name="models", rich_help_panel=_PANEL)
    add(app, layers, panel=_PANEL)


def list_models(context: typer.Context, farm: Farm, as_json: Json = False) -> None:
    """List the networks; with a command, show one, fetch it or add one's own.

    Example: dreamfarm models

    Example: dreamfarm models show motifnet
    """
    if context.invoked_subcommand is not None:
        return
    models = _models(farm)
    if as_json:
        print_json(models)
        return
    words.table(
        ["model", "layers", "parameters", "licence", "summary"],
        [(m.name, str(m.layers), f"{m.parameters:,}", m.licence, m.summary) for m in models],
        right=("layers", "parameters"),
        flexible="summary",
    )


def show(
    farm: Farm,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A network's name")],
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE.jpg", dir_okay=False, help="Write a page of what its motifs look like"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a network, and what it dreams of.

    Example: dreamfarm models show motifnet --sheet motifs.jpg
    """
    models = {m.name: m for m in _models(farm)}
    found = models.get(model)
    if found is None:
        raise Misused(f"there is no model {model!r}{nearest(model, models)}; there are: {', '.join(models)}")
    if sheet is not None:
        _write_sheet(farm, found, sheet)
    if as_json:
        print_json(found)
        return
    facts = {
        "summary": found.summary,
        "licence": found.licence,
        "parameters": f"{found.parameters:,}",
        "SHA-256": found.digest,
        "layers": f"{found.layers} (dreamfarm layers {found.name})",
        "dreams on": found.objective,
        "classes": _classes(farm, found),
        "smallest": f"{found.min_size} pixels on the shorter side",
        "portraits": _portraits(farm, found, sheet),
    }
    out.print(Text(found.name, style="bold"))
    for name, value in facts.items():
        out.print(Text(f"  {name:<11}", style="dim").append(value, style="default not dim"), soft_wrap=True)


def layers(
    farm: Farm,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A network's name")] = "motifnet",
    channels: Annotated[
        str | None, typer.Option("--channels", metavar="LAYER", help="Name this layer's channels")
    ] = None,
    as_json: Json = False,
) -> None:
    """List a network's layers, from the picture upwards.

    Stride and field are in pixels: how far apart a layer's cells are, and how much of the picture each sees.

    Example: dreamfarm layers motifnet --channels logits
    """
    found = _layers(farm, model)
    if channels is not None:
        _print_channels(found, model, channels, as_json)
        return
    if as_json:
        print_json(found)
        return
    words.table(
        ["layer", "kind", "channels", "stride", "field", "multiply-adds/pixel"],
        [
            (
                layer.name,
                layer.kind,
                str(layer.channels),
                str(layer.stride),
                str(layer.receptive_field),
                f"{layer.macs_per_pixel:,.0f}",
            )
            for layer in found
        ],
        right=("channels", "stride", "field", "multiply-adds/pixel"),
    )


def _print_channels(found: list[LayerView], model: str, name: str, as_json: bool) -> None:
    by_name = {layer.name: layer for layer in found}
    if name not in by_name:
        raise Misused(f"model {model!r} has no layer {name!r}{nearest(name, by_name)}")
    layer = by_name[name]
    if as_json:
        print_json(layer.channel_names)
    elif layer.channel_names is None:
        out.print(f"the {layer.channels} channels of {name} have no names: 0 to {layer.channels - 1}", markup=False)
    else:
        words.table(["channel", "name"], [(str(i), n) for i, n in enumerate(layer.channel_names)], right=("channel",))


def _classes(farm: Farm, model: ModelView) -> str:
    """The layer of the classes, and their names: there are a hundred of motifnet's, and a thousand of others'."""
    if model.logits is None:
        return "none"
    names = next((layer.channel_names for layer in _layers(farm, model.name) if layer.name == model.logits), None)
    if names is None or len(names) > _NAMES:
        return f"{model.logits} (dreamfarm layers {model.name} --channels {model.logits})"
    return f"{model.logits}: {', '.join(names)}"


def _portraits(farm: Farm, model: ModelView, sheet: Path | None) -> str:
    if sheet is not None:
        return f"{model.portraits}, on {sheet}"
    if not model.portraits:
        return f"none yet (dreamfarm models portray {model.name})"
    if _told_by_a_farm(model):
        return f"{model.portraits}, at {farm.transport.address.url}/#/network/{model.name}"
    return f"{model.portraits} (dreamfarm models show {model.name} --sheet {model.name}.jpg)"


def _write_sheet(farm: Farm, model: ModelView, file: Path) -> None:
    """The page of portraits, from the farm or, without one, from here. Raises Misused when there are none."""
    if not model.portraits:
        raise Misused(f"{model.name} has no portraits yet: `dreamfarm models portray {model.name}` makes them")
    if _told_by_a_farm(model):
        farm.fetch_portraits(model.name, file)
        return
    from shared import portraits
    from shared.cards import card

    file.write_bytes(portraits.sheet(card(model.name)))


def _told_by_a_farm(model: ModelView) -> bool:
    """Whether a farm answered; what this module makes itself, without one, leads nowhere."""
    return bool(model.links)


def _models(farm: Farm) -> list[ModelView]:
    try:
        return farm.models()
    except NoFarm:
        from shared.cards import cards

        return [_model_here(known) for known in cards()]


def _layers(farm: Farm, model: str) -> list[LayerView]:
    try:
        return farm.layers(model)
    except NoFarm:
        from shared.cards import UnknownModel, card

        try:
            known = card(model)
        except UnknownModel as error:
            raise Misused(str(error.args[0])) from None
        return [_layer_here(layer) for layer in known.layers]


def _model_here(known: Card) -> ModelView:
    from api.schemas import ModelView
    from shared.portraits import album

    fields = known.model_dump(exclude={"layers", "mean", "scale"})
    return ModelView(**fields, layers=len(known.layers), portraits=len(album(known).portraits), links={})


def _layer_here(layer: Layer) -> LayerView:
    from api.schemas import LayerView

    return LayerView.model_validate(layer, from_attributes=True)
