"""The OpenAPI document: bodies that are read by hand are described here, with examples."""

from __future__ import annotations

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.errors import ProblemDetails
from shared.specs import BatchSpec, DreamSpec, StyleSpec

_REF = "#/components/schemas/{model}"
_PICTURE = "sha256:" + "0123456789abcdef" * 4

DREAM: dict[str, Any] = {
    "kind": "dream",
    "input": _PICTURE,
    "model": "motifnet",
    "preset": "deepdream",
    "objective": [{"layer": "mixed4c", "channel": None, "weight": 1.0}],
    "octaves": {"count": 4, "scale": 1.4},
    "iterations": 10,
    "step": 1.5,
    "size": {"long_edge": 4096},
    "tiling": {"mode": "exact"},
    "seed": 7,
    "frames": {"every": 5},
    "output": {"format": "png", "bits": 8},
    "animation": "mp4",
}
STYLE: dict[str, Any] = {
    "kind": "style",
    "content": _PICTURE,
    "styles": [{"asset": _PICTURE, "weight": 1.0}],
    "preset": "gatys",
}
_KINDS = {"dream": "DreamSpec", "style": "StyleSpec"}


def _either(prefix: str = "") -> dict[str, Any]:
    """A job of either kind, told by its field `kind`."""
    kinds = {kind: _REF.format(model=prefix + model) for kind, model in _KINDS.items()}
    return {
        "oneOf": [{"$ref": reference} for reference in kinds.values()],
        "discriminator": {"propertyName": "kind", "mapping": kinds},
    }


_JOB = _either()
_NOISE = {"kind": "dream", "preset": "multiscale", "size": {"long_edge": 512}}


#: A job to be planned needs no picture when it says how large it is.
_SIDE = {"type": "integer", "minimum": 1, "description": "Of a picture that is not uploaded yet, in pixels"}
_PLANNED = _either("Planned")


def job_body() -> dict[str, Any]:
    """The body of a job."""
    examples = {
        "dream": {"summary": "A dream with most of its fields", "value": DREAM},
        "style": {"summary": "A style transfer", "value": STYLE},
        "noise": {"summary": "The shortest: a dream from noise", "value": {"kind": "dream"}},
    }
    return _body({"application/json": {"schema": _JOB, "examples": examples}})


def batch_body() -> dict[str, Any]:
    """The body of a batch: JSON, or NDJSON."""
    batch = {"name": "holiday pictures", "jobs": [DREAM, STYLE]}
    lines = '{"kind":"dream","seed":1}\n{"kind":"dream","seed":2}\n'
    return _body(
        {
            "application/json": {"schema": {"$ref": _REF.format(model="BatchSpec")}, "example": batch},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": lines},
        }
    )


def plan_body() -> dict[str, Any]:
    """The body of a plan: a job or many."""
    examples = {
        "job": {"summary": "A job whose picture is not uploaded", "value": _NOISE | {"width": 3000, "height": 2000}},
        "batch": {"summary": "Many jobs", "value": {"jobs": [_NOISE, {"kind": "dream"}]}},
    }
    jobs = {"type": "object", "properties": {"jobs": {"type": "array", "items": _PLANNED}}, "required": ["jobs"]}
    schema = {"anyOf": [_PLANNED, jobs]}
    return _body({"application/json": {"schema": schema, "examples": examples}})


def asset_body() -> dict[str, Any]:
    """The body of a picture: raw, or as a form's file."""
    picture = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": picture}, "required": ["file"]}
    return _body({"application/octet-stream": {"schema": picture}, "multipart/form-data": {"schema": form}})


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, with the specification's models and the errors' form."""
    made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    _, specs = models_json_schema(
        [(model, "validation") for model in (BatchSpec, DreamSpec, StyleSpec)] + [(ProblemDetails, "serialization")],
        ref_template=_REF,
    )
    schemas = specs["$defs"]
    for model in _KINDS.values():
        # The specification's classes fill the kind in; in a request it says which of them is meant.
        schemas[model]["required"] = ["kind", *schemas[model].get("required", [])]
        planned = schemas[f"Planned{model}"] = copy.deepcopy(schemas[model])
        planned["properties"] |= {"width": _SIDE, "height": _SIDE}
        planned["required"] = ["kind"]
    schemas["BatchSpec"]["properties"]["jobs"]["items"] = _JOB
    made["components"]["schemas"] |= schemas
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(model="ProblemDetails")}}}
    for path in made["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["4XX"] = {"description": "What is wrong, with field paths", "content": problem}
            operation["responses"].setdefault("503", {"description": "A part is away", "content": problem})
    return made
