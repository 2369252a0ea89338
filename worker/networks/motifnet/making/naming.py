"""A trained model that names what it sees. Importing it starts Keras' backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

#: Pictures that go through the model together.
_BATCH = 64


@dataclass(frozen=True)
class Namer:
    """A model from pictures in 0–255 to logits, with the names of its classes."""

    model: Any
    names: Sequence[str]

    @classmethod
    def of(cls, folder: Path) -> Namer:
        """The model of a training's folder."""
        model = keras.models.load_model(folder / "model.keras", compile=False)
        return cls(model, (folder / "motifs.txt").read_text().split())

    @classmethod
    def bundled(cls) -> Namer:
        """The network that ships, as it ships: its logits are averaged over all places. Needs TensorFlow."""
        import tensorflow as tf

        from shared.settings import settings
        from worker.networks import load

        network = load("motifnet", folder=settings().networks)

        def model(shown: NDArray[np.float32], *, training: bool) -> Any:
            del training
            return ops.mean(network.activations(tf.constant(shown), ["logits"])["logits"], axis=(1, 2))

        return cls(model, network.card.find_layer("logits").channel_names or ())

    def probabilities(self, pictures: NDArray[Any]) -> NDArray[np.float32]:
        """(N, K) for pictures (N, H, W, 3) in 0–255."""
        parts = []
        for first in range(0, len(pictures), _BATCH):
            shown = np.asarray(pictures[first : first + _BATCH], np.float32)
            parts.append(ops.convert_to_numpy(ops.softmax(self.model(shown, training=False))))
        return np.concatenate(parts)

    def ranked(self, picture: NDArray[Any]) -> list[str]:
        """All names, likeliest first, for a picture (H, W, 3) seen as a whole, and in its four corners and the middle.

        A dream may hold its motif anywhere, and more than once.
        """
        height, width = (side * 3 // 4 for side in picture.shape[:2])
        bottom, right = picture.shape[0] - height, picture.shape[1] - width
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
        views = [picture[None], np.stack([picture[y : y + height, x : x + width] for y, x in corners])]
        means = np.concatenate([self.probabilities(view) for view in views]).mean(axis=0)
        return [self.names[i] for i in np.argsort(-means)]
