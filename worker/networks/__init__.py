"""Networks: found by name, checked by digest, loaded as pure functions over tensors.

Importing this package does not import TensorFlow; loading a network does.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.cards import card

if TYPE_CHECKING:
    from worker.networks.network import Network

#: How TensorFlow is started. It reads these when it is imported.
ENVIRONMENT = {
    # Its start-up notes are for its developers; its errors are still shown.
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # A GPU's memory is taken as it is needed, so that others can use the rest.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # On a GPU, too, a job resumed comes out as the job that went through.
    "TF_DETERMINISTIC_OPS": "1",
    # When imported, TensorFlow looks for the Keras that it would lend its name, and so imports all of it: half a second.
    # Of the old one it finds nothing. Keras itself, which reads users' networks, does not care.
    "TF_USE_LEGACY_KERAS": "1",
}


#: The variable that says how many of a CPU's cores are used, and the one for operations that do not need each other.
THREADS, BESIDE = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"


def prepare_tensorflow(threads: int | None = None) -> None:
    """Sets TensorFlow's environment, as far as nobody has; without effect once it is imported.

    `threads` is how many of a CPU's cores shall be used; all without.
    """
    count = str(threads or cores())
    for variable, value in (ENVIRONMENT | {THREADS: count, BESIDE: count}).items():
        os.environ.setdefault(variable, value)


def import_tensorflow() -> None:
    """Imports TensorFlow in its environment, in an eighth less time than the statement takes.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    prepare_tensorflow()
    if "tensorflow" not in sys.modules:
        # It makes hundreds of thousands of objects, all of which stay. Python would look through them for garbage again
        # and again meanwhile, and for as long as the process lives.
        collecting = gc.isenabled()
        gc.disable()
        try:
            import_module("tensorflow")
        finally:
            if collecting:
                gc.enable()
        gc.freeze()
    import tensorflow as tf

    # On NVIDIA's GPUs since Ampere it rounds what convolutions multiply to 10 bits unless it is told not to, and `float32`
    # would say what it is not.
    tf.config.experimental.enable_tensor_float_32_execution(False)


def cores() -> int:
    """Cores that this process may use."""
    # macOS has no affinity to ask for.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class BadWeights(Exception):
    """The weights of a network are not what its card says."""


class NoClasses(Exception):
    """The network has no classes to tell; the message says why."""


def load(name: str, *, folder: Path) -> Network:
    """The network of that name; networks that are not bundled live in `folder`, one folder each.

    Raises shared.cards.UnknownModel, or BadWeights when its files are not those that the card's digest names.
    """
    import_tensorflow()
    from safetensors.numpy import load as read_tensors

    from worker.networks.graph import Graph
    from worker.networks.network import Network

    described = card(name)
    place = resources.files("worker.networks").joinpath(name)
    if not place.joinpath("topology.json").is_file():
        place = folder / name
    names = file_names(described.digest)
    if not place.joinpath(names[0]).is_file():
        # A bundled network's, or one's that an earlier version registered.
        names = ("topology.json", f"{name}.safetensors")
    try:
        topology = json.loads(place.joinpath(names[0]).read_text(encoding="utf-8"))
        data = place.joinpath(names[1]).read_bytes()
    except FileNotFoundError:
        # Gone, or it is registered anew at this moment.
        raise BadWeights(f"the weights of {name!r} are not there: register the model again") from None
    weights_digest = digest = hashlib.sha256(data).hexdigest()
    # Bundled networks, and those that an earlier version registered, go by their weights alone.
    if digest != described.digest:
        digest = network_digest(topology["ops"], described.mean, described.scale, weights_digest)
    if digest != described.digest:
        raise BadWeights(
            f"the files of {name!r} have SHA-256 {digest}, expected {described.digest}: "
            "install dreamfarm, or register the model, again"
        )
    return Network(
        graph=Graph.from_json(topology["ops"]),
        card=described,
        weights={key: value.astype(np.float32) for key, value in read_tensors(data).items()},
        digest=digest,
        mean=described.mean,
        scale=described.scale,
        weights_digest=weights_digest,
    )


def network_digest(ops: Sequence[Mapping[str, Any]], mean: Sequence[float], scale: float, weights_digest: str) -> str:
    """What names a network: a SHA-256, hexadecimal, of all that its results depend on.

    `ops` are a topology file's; `weights_digest` is the SHA-256 of the weights file.
    """
    whole = {"ops": ops, "mean": list(map(float, mean)), "scale": float(scale), "weights": weights_digest}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_names(digest: str) -> tuple[str, str]:
    """What the files of a registered network are called, operations and weights, by the digest that its card names.

    So the card alone says which network there is, and to exchange it exchanges the network.
    """
    return f"topology-{digest[:16]}.json", f"weights-{digest[:16]}.safetensors"


def classify(network: Network, rgb: NDArray[np.float32], top: int = 5) -> list[tuple[str, float]]:
    """The `top` likeliest classes of a picture (H, W, 3) in 0–255, likeliest first, with their probabilities.

    Classes whose names are not known go by their numbers. Raises NoClasses.
    """
    import tensorflow as tf

    card = network.card
    if card.logits is None:
        raise NoClasses(f"{card.name} has no classes: its file ends before the layer that makes them")
    logits = card.find_layer(card.logits)
    if min(rgb.shape[:2]) < logits.min_size:
        raise NoClasses(f"{card.name} tells classes from {logits.min_size} pixels on the shorter side on")
    # Strides of 2 want even sides. The smallest can spare nothing: it is extended, others lose a row or a column.
    missing = [(0, side % 2 if side == logits.min_size else 0) for side in rgb.shape[:2]]
    rgb = np.pad(rgb, (*missing, (0, 0)), mode="edge")
    height, width = (side // 2 * 2 for side in rgb.shape[:2])
    cells = network.activations(tf.constant(rgb[None, :height, :width], tf.float32), [logits.name])[logits.name]
    means = tf.reduce_mean(cells, axis=(0, 1, 2))
    if logits.channels == 1:
        means = tf.concat([tf.zeros(1), means], 0)  # a single number tells class 1 from class 0
    probabilities = tf.nn.softmax(means).numpy()
    names = logits.channel_names or ()
    if len(names) != len(probabilities):
        names = tuple(map(str, range(len(probabilities))))
    order = np.argsort(-probabilities)[:top]
    return [(names[i], float(probabilities[i])) for i in order]
