"""What the farm has: networks, presets, workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.auth import Viewer
from api.errors import not_found
from api.files import ASK_AGAIN, FILE_RESPONSE, FOREVER, MEDIA_TYPES, file_response
from api.schemas import LayerView, ModelView, PortraitView, PresetView, WorkerView
from api.services import Farm
from api.views import when
from shared.cards import Card, card, cards
from shared.portraits import album, sheet
from shared.presets import DREAM_PRESETS, STYLE_PRESETS, Preset
from shared.store import queries

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/models")
def list_models(_who: Viewer) -> list[ModelView]:
    """The networks that jobs can name."""
    return [_model(known) for known in cards()]


@router.get("/models/{name}")
def get_model(name: str, _who: Viewer) -> ModelView:
    """A network."""
    return _model(card(name))


@router.get("/models/{name}/layers")
def list_layers(name: str, _who: Viewer) -> list[LayerView]:
    """A network's layers, from the picture to the classes."""
    return [
        LayerView(
            name=layer.name,
            kind=layer.kind,
            channels=layer.channels,
            stride=layer.stride,
            receptive_field=layer.receptive_field,
            macs_per_pixel=layer.macs_per_pixel,
            channel_names=None if layer.channel_names is None else list(layer.channel_names),
        )
        for layer in card(name).layers
    ]


@router.get("/models/{name}/portraits")
def list_portraits(name: str, _who: Viewer) -> list[PortraitView]:
    """What a network's layers and channels dream of. `dreamfarm models portray` makes more."""
    known = card(name)
    # The digest is for browsers: another network under this name has other pictures under other addresses.
    return [
        PortraitView(
            layer=portrait.layer,
            channel=portrait.channel,
            name=portrait.name(known.find_layer(portrait.layer)),
            links={"picture": f"/v1/models/{name}/portraits/{quote(portrait.file)}?of={known.digest[:16]}"},
        )
        for portrait in album(known).portraits
    ]


@router.get("/models/{name}/portraits/{file}", response_class=Response, responses=FILE_RESPONSE)
def get_portrait(name: str, file: str, request: Request, _who: Viewer) -> Response:
    """A portrait, as a JPEG."""
    kept = album(card(name))
    for portrait in kept.portraits:
        if portrait.file == file and kept.path(portrait).is_file():
            return file_response(request, kept.path(portrait), cache=FOREVER, media_type=MEDIA_TYPES["jpeg"])
    raise not_found(f"{name} has no portrait {file!r}")


@router.get("/models/{name}/contact-sheet", response_class=Response, responses=FILE_RESPONSE)
def get_sheet(name: str, _who: Viewer) -> Response:
    """All portraits of a network on one page, as a JPEG."""
    known = card(name)
    if not album(known).portraits:
        raise not_found(f"{name} has no portraits yet: `dreamfarm models portray {name}` makes them")
    return Response(sheet(known), media_type=MEDIA_TYPES["jpeg"], headers={"Cache-Control": ASK_AGAIN})


def _model(known: Card) -> ModelView:
    self, portraits = f"/v1/models/{known.name}", len(album(known).portraits)
    return ModelView(
        name=known.name,
        summary=known.summary,
        licence=known.licence,
        digest=known.digest,
        parameters=known.parameters,
        min_size=known.min_size,
        objective=known.objective,
        logits=known.logits,
        layers=len(known.layers),
        portraits=portraits,
        links={"self": self, "layers": f"{self}/layers", "portraits": f"{self}/portraits"}
        | ({"contact_sheet": f"{self}/contact-sheet"} if portraits else {}),
    )


@router.get("/presets")
def list_presets(_who: Viewer) -> list[PresetView]:
    """The named recipes."""
    return _presets("dream", DREAM_PRESETS) + _presets("style", STYLE_PRESETS)


def _presets(kind: Literal["dream", "style"], presets: Mapping[str, Preset]) -> list[PresetView]:
    return [
        PresetView(
            name=preset.name,
            kind=kind,
            summary=preset.summary,
            fields=dict(preset.fields),
            models=_dicts(preset.models),
        )
        for preset in presets.values()
    ]


def _dicts(models: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {model: dict(fields) for model, fields in models.items()}


@router.get("/workers")
def list_workers(farm: Farm, who: Viewer) -> list[WorkerView]:
    """The workers, living ones first."""
    with farm.store.read() as session:
        workers = queries.workers(session)
        visible = {job.id for job in queries.running_jobs(session) if who.sees in (None, job.owner)}
    views = [
        WorkerView(
            name=worker.name,
            host=worker.host,
            pid=worker.pid,
            device=worker.device,
            live=live,
            started_at=when(worker.started_at),
            # Who signs off counts as silent at once, which may lie before its start; 0.1.0 wrote a zero.
            seen_at=when(max(worker.seen_at, worker.started_at)),
            job=worker.job_id if worker.job_id in visible else None,
            flops_per_second=worker.flops_per_second,
        )
        for worker, live in workers
    ]
    return sorted(views, key=lambda view: not view.live)
