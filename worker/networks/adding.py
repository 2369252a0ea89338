"""Registering networks: a file of someone's own becomes a folder in the farm's format, with its card."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shared.cards import NAME, Card
from worker.networks import prepare_tensorflow
from worker.networks.collect import Collection, Preprocessing
from worker.networks.describe import describe
from worker.networks.graph import Graph

#: Smallest side of a picture that is worth rendering, whatever the network could do with less.
SMALLEST_PICTURE = 32


class BadModel(ValueError):
    """The file does not hold a network that can be dreamt with; the message says why."""


#: Networks whose weights are published without their layers, by the name they are registered under:
#: the function of keras.applications that has the layers, and how they want their pictures.
PUBLISHED: dict[str, tuple[str, Preprocessing]] = {
    "vgg16": ("VGG16", "caffe"),
    "vgg19": ("VGG19", "caffe"),
    "inception_v3": ("InceptionV3", "signed"),
}


def add(
    name: str, file: Path, *, folder: Path, preprocessing: Preprocessing | None = None, licence: str = "unknown"
) -> tuple[Card, list[str]]:
    """Registers the network in `file` (.keras, .h5 or a frozen .pb) under `name` in `folder`, over one of that name.

    Without `preprocessing`, published networks get theirs, frozen graphs `centred` and others `raw`.
    The card, and sentences about what was left out. Raises BadModel.
    """
    if not NAME.fullmatch(name):
        raise BadModel(f"{name!r} is no name for a model: use small letters, digits, '-', '_' and '.'")
    if not file.is_file():
        raise BadModel(f"there is no file {file}")
    prepare_tensorflow()
    found = _read(name, file, preprocessing)
    if not any(op["kind"] == "conv" for op in found.ops):
        raise BadModel(f"{file.name} has no convolution that can be dreamt on" + "".join(f"; {n}" for n in found.notes))
    facts = {"name": name, "summary": f"Registered from {file.name}", "licence": licence}
    return save(found, facts, folder / name), found.notes


def save(found: Collection, facts: Mapping[str, Any], place: Path) -> Card:
    """Writes topology, weights and card to the folder `place`, in place of what it held; the card."""
    from safetensors.numpy import save as tensors

    # The format takes an array's memory as it lies.
    data = tensors({key: np.ascontiguousarray(w, np.float32) for key, w in found.weights.items()})
    topology = topology_of(found) | dict(facts) | {"digest": hashlib.sha256(data).hexdigest()}
    card = describe(topology)
    place.parent.mkdir(parents=True, exist_ok=True)
    # Workers may be reading: the folder appears whole or not at all.
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        made = Path(scratch) / place.name
        made.mkdir()
        (made / f"{card.name}.safetensors").write_bytes(data)
        (made / "topology.json").write_text(json.dumps(topology), encoding="utf-8")
        (made / "card.json").write_text(card.model_dump_json(), encoding="utf-8")
        if place.exists():
            shutil.move(place, Path(scratch) / "old")
        made.rename(place)
    return card


def topology_of(found: Collection) -> dict[str, Any]:
    """What a topology file says of the operations, with defaults for what only people know."""
    graph = Graph.from_json(found.ops)
    kinds = ("concat", "add"), ("relu",), ("conv",)
    activated = next(names for kind in kinds if (names := [op.name for op in graph.ops if op.kind in kind]))
    deepest = max(graph.fields, key=lambda op: graph.fields[op].receptive_field)
    return {
        "min_size": next(side for side in range(SMALLEST_PICTURE, 4096) if graph.length(deepest, side) >= 1),
        # Dreams are richest a little before the end, where layers know parts but not yet whole classes.
        "objective": activated[len(activated) * 2 // 3],
        "logits": found.logits or activated[-1],
        "mean": found.mean,
        "scale": found.scale,
        "channel_names": {},
        "ops": found.ops,
    }


def _read(name: str, file: Path, preprocessing: Preprocessing | None) -> Collection:
    if file.suffix == ".pb":
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        from worker.networks.from_graphdef import from_graphdef

        try:
            return from_graphdef(file.read_bytes(), preprocessing or "centred")
        except DecodeError as error:
            raise BadModel(f"{file.name} is not a frozen TensorFlow graph") from error
    if file.suffix not in (".keras", ".h5", ".hdf5"):
        raise BadModel(f"{file.name} is neither a Keras model (.keras, .h5) nor a frozen graph (.pb)")
    from worker.networks.from_keras import from_keras

    try:
        model, usual = _keras_model(name, file)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise BadModel(f"{file.name} cannot be read as a Keras model: {error}") from error
    return from_keras(model, preprocessing or usual)


def _keras_model(name: str, file: Path) -> tuple[Any, Preprocessing]:
    import keras

    if name in PUBLISHED and file.suffix != ".keras":
        function, usual = PUBLISHED[name]
        # Keras numbers nameless layers through the whole process; published names count from a fresh start.
        keras.backend.clear_session()
        top = "notop" not in file.name
        return getattr(keras.applications, function)(weights=str(file), include_top=top), usual
    # Files may come from anywhere: nothing in them is run.
    return keras.models.load_model(file, compile=False, safe_mode=True), "raw"
