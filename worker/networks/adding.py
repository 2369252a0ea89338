"""Registering networks: a file of someone's own becomes a folder in the farm's format, with its card."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shared.cards import NAME, Card
from shared.names import replace
from worker.networks import file_names, import_tensorflow, network_digest
from worker.networks.collect import BadModel, Collection, Preprocessing, first_line
from worker.networks.describe import describe
from worker.networks.graph import Graph, Kind
from worker.networks.unpacking import LARGEST_FILE, most_unpacked

#: Smallest side of a picture that is worth rendering, whatever the network could do with less.
SMALLEST_PICTURE = 32
#: Layers whose cells are so many pixels apart see no picture that is worth rendering.
LARGEST_STRIDE = 2**10
#: Side of the largest picture that a network is tried on when it is registered, in pixels.
LARGEST_TRIAL = 2**9
#: Numbers in all layers of that picture, 1 GB of them: padding upon padding makes any number, and needs no weights.
MOST_NUMBERS = 2**28

#: How a network takes the best, or the average, of neighbouring cells: as it was trained, or always the average.
Pooling = Literal["own", "average"]


def add(
    name: str,
    file: Path,
    *,
    folder: Path,
    preprocessing: Preprocessing | None = None,
    pooling: Pooling = "own",
    classes: Sequence[str] = (),
    licence: str = "unknown",
) -> tuple[Card, list[str]]:
    """Registers the network in `file` under `name` in `folder`, over one of that name.

    Files are Keras models (.keras, .h5), frozen TensorFlow graphs (.pb) and matconvnet's networks (.mat). Without
    `preprocessing`, published networks get theirs, frozen graphs `centred`, matconvnet's `imagenet` and others `raw`.
    `classes` are the classes' names, where the file has none. The card, and sentences about what was left out.
    Raises BadModel.
    """
    if not NAME.fullmatch(name):
        raise BadModel(f"{name!r} is no name for a model: use small letters, digits, '-', '_' and '.'")
    if resources.files("worker.networks").joinpath(name, "topology.json").is_file():
        raise BadModel(f"{name!r} comes with dreamfarm: register yours under another name")
    if not file.is_file():
        raise BadModel(f"there is no file {file}")
    if file.stat().st_size > LARGEST_FILE:
        raise BadModel(f"{file.name} is larger than {LARGEST_FILE / 1e9:.0f} GB")
    import_tensorflow()
    found = _read(name, file, preprocessing)
    _check(found, file.name)
    found.classes = list(classes) or found.classes
    if pooling == "average":
        found.average_pools()
    _try(found, file.name)
    facts = {"name": name, "summary": f"Registered from {file.name}", "licence": licence}
    return save(found, facts, folder / name), found.notes


def _check(found: Collection, file: str) -> None:
    """Raises BadModel for what cannot be dreamt with."""
    if not any(op["kind"] in ("conv", "depthwise") and op["name"] not in found.dense for op in found.ops):
        raise BadModel(f"{file} has no convolution that can be dreamt on" + "".join(f"; {n}" for n in found.notes))
    found.prune()
    if not np.isfinite([*found.mean, found.scale]).all():
        raise BadModel(f"{file} is damaged: what it makes of its pictures are no finite numbers")
    for op in found.ops:
        if not np.isfinite(op.get("parameters", ())).all():
            raise BadModel(f"{file} is damaged: not all parameters of {op['name']!r} are finite numbers")
    for key, values in found.weights.items():
        if not np.isfinite(values).all():
            raise BadModel(f"{file} is damaged: not all weights of {key.rsplit('/', 1)[0]!r} are finite numbers")
    graph = Graph.from_json(found.ops)
    for joined in graph.ops:
        if len({graph.lengths[source] for source in joined.inputs}) > 1:
            raise BadModel(f"{file} cannot be rendered with: {joined.name!r} joins results of different sizes")
        if (stride := graph.fields[joined.name].stride) > LARGEST_STRIDE:
            raise BadModel(f"{file} cannot be rendered with: cells of {joined.name!r} are {stride:,} pixels apart")


def _try(found: Collection, file: str) -> None:
    """Computes all layers, but classes, and a gradient of a small picture. Raises BadModel with what TensorFlow says."""
    try:
        _gradient(found)
    except Exception as error:  # what does not fit together ends in nearly anything
        raise BadModel(f"{file} cannot be rendered with: {first_line(error)}") from error


def _gradient(found: Collection) -> None:
    import tensorflow as tf

    from worker.networks.network import Network

    card = describe(topology_of(found) | {"name": "", "summary": "", "licence": "", "digest": ""})
    graph = Graph.from_json([op for op in found.ops if op["name"] not in found.dense])
    # Strides want pictures that they divide.
    step = math.lcm(*(graph.fields[op.name].stride for op in graph.ops))
    taken = {source for op in graph.ops for source in op.inputs}
    sides = {op.name: -(-graph.smallest_picture(op.name) // step) * step for op in graph.ops if op.name not in taken}
    small = [name for name, side in sides.items() if side <= LARGEST_TRIAL]
    if not small:
        return
    side = max(sides[name] for name in small)
    numbers = sum(op.channels * graph.length(op.name, side) ** 2 for op in graph.ancestors(small))
    if numbers > MOST_NUMBERS:
        raise BadModel(f"its layers make {numbers:,} numbers of a picture of {side} × {side} pixels")
    network = Network(graph, card, found.weights, "", card.mean, card.scale)

    # One program, as they are rendered: operation by operation, gradients by weights would be computed, too, which nobody
    # needs, and in which TensorFlow can crash.
    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def gradient(picture: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            cells = network.activations(picture, small)
            total = tf.add_n([tf.reduce_mean(values) for values in cells.values()])
        return tape.gradient(total, picture)

    with tf.device("/CPU:0"):
        gradient(tf.fill((1, side, side, 3), 128.0))


def save(found: Collection, facts: Mapping[str, Any], place: Path) -> Card:
    """Writes topology, weights and card to the folder `place`, in place of those that it held; the card.

    Portraits stay: they count when their network comes back. Raises BadModel for what no card can tell of.
    """
    from safetensors.numpy import save as tensors

    # The format takes an array's memory as it lies.
    data = tensors({key: np.ascontiguousarray(w, np.float32) for key, w in found.weights.items()})
    digest = network_digest(found.ops, found.mean, found.scale, hashlib.sha256(data).hexdigest())
    topology = topology_of(found) | dict(facts) | {"digest": digest}
    try:
        # As it will be read: a card that says nothing to its readers would hide the network that was there before.
        card = Card.model_validate_json(describe(topology).model_dump_json())
    except ValueError as error:
        raise BadModel(f"the network {topology['name']!r} cannot be described: {first_line(error)}") from error
    operations, weights = file_names(card.digest)
    place.mkdir(parents=True, exist_ok=True)
    outdated = {path for path in place.iterdir() if path.is_file()}
    # The card last: whoever reads meanwhile, and whatever is killed, there is the network before or this one.
    written = {
        place / weights: data,
        place / operations: json.dumps(topology).encode(),
        place / "card.json": card.model_dump_json().encode(),
    }
    for path, content in written.items():
        replace(path, content)
    for path in outdated - written.keys():
        path.unlink(missing_ok=True)
    return card


def topology_of(found: Collection) -> dict[str, Any]:
    """What a topology file says of the operations, with defaults for what only people know."""
    graph = Graph.from_json(found.ops)
    kinds: tuple[tuple[Kind, ...], ...] = (("concat", "add"), ("relu", "activation"), ("conv", "depthwise"))
    # What stands before the first convolution only knows colours.
    cells = [op for op in graph.ops if op.name not in found.dense and graph.macs_per_pixel(op.name)]
    best = next(names for kind in kinds if (names := [op.name for op in cells if op.kind in kind]))
    # Dreams are richest a little before the end, where layers know parts but not yet whole classes.
    objective = best[len(best) * 2 // 3]
    return {
        "min_size": max(SMALLEST_PICTURE, graph.smallest_picture(objective)),
        "objective": objective,
        "logits": found.logits,
        "mean": found.mean,
        "scale": found.scale,
        "channel_names": {found.logits: distinct(found.classes, found.channels(found.logits))}
        if found.logits and found.classes
        else {},
        "ops": found.ops,
    }


def distinct(names: Sequence[str], count: int) -> list[str]:
    """As many names as there are channels: repeated ones get their number, and those without a name are numbers."""
    numbered = [name if name not in names[:i] else f"{name} {i}" for i, name in enumerate(names[:count])]
    return numbered + [str(i) for i in range(len(numbered), count)]


def _read(name: str, file: Path, preprocessing: Preprocessing | None) -> Collection:
    match file.suffix:
        case ".pb":
            return _read_graph(file, preprocessing or "centred")
        case ".mat":
            from worker.networks.from_matconvnet import from_matconvnet

            return from_matconvnet(file, preprocessing or "imagenet")
        case ".keras" | ".h5" | ".hdf5":
            from worker.networks.keras_files import from_keras_file

            return from_keras_file(name, file, preprocessing)
    raise BadModel(f"{file.name} is neither a Keras model (.keras, .h5), a frozen graph (.pb) nor matconvnet's (.mat)")


def _read_graph(file: Path, preprocessing: Preprocessing) -> Collection:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    from worker.networks.from_graphdef import from_graphdef

    try:
        return from_graphdef(file.read_bytes(), preprocessing, most_unpacked(file))
    except DecodeError as error:
        raise BadModel(f"{file.name} is not a frozen TensorFlow graph, or was cut off") from error
