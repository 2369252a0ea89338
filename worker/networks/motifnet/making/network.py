"""The network to train: an Inception network with batch normalisation, as `convert.py` understands it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import layers

#: Channels of the convolutions before the mixed layers.
STEM = (48, 48, 128)
#: Channels of each mixed layer's branches: 1×1; 3×3 bottleneck, 3×3; 5×5 bottleneck, 5×5; 1×1 after the pool.
#: Most of them are in mixed4, whose layers people dream with.
MIXED = {
    "mixed3a": (64, 64, 96, 16, 24, 24),
    "mixed3b": (96, 96, 144, 24, 64, 48),
    "mixed4a": (160, 88, 192, 20, 56, 64),
    "mixed4b": (144, 100, 208, 24, 64, 64),
    "mixed4c": (128, 112, 232, 24, 64, 64),
    "mixed4d": (112, 128, 256, 28, 72, 64),
    "mixed5a": (224, 136, 288, 32, 104, 104),
}
#: Mixed layers behind a pool that halves the map.
_HALVED = ("mixed3a", "mixed4a", "mixed5a")
#: Moving averages of batch normalisation follow this slowly; attacks and the finished network use them.
_MOMENTUM = 0.97


def scaled(channels: int, width: float) -> int:
    """A number of channels in the table times `width`, in whole fours."""
    return max(4, round(channels * width / 4) * 4)


def build(
    classes: int,
    width: float = 1.0,
    deepest: str = "mixed5a",
    *,
    activation: str = "relu",
    pools: Literal["max", "average"] = "max",
) -> keras.Model:
    """A model from pictures (N, H, W, 3) in 0–255, of any size, to `classes` logits (N, classes).

    `width` multiplies all channels; `deepest` is the mixed layer that the logits look at. ValueError: there is none such.

    Behind the global average stands one dense layer: the same function as a 1×1 convolution averaged globally, and the
    importer turns it into that, so that logits can be dreamt at every place. Where Keras' policy is a mixed one, pictures
    and logits are float32 all the same.
    """
    pool = layers.MaxPooling2D if pools == "max" else layers.AveragePooling2D
    builder = _Builder(width, activation, pool)
    pictures = layers.Input((None, None, 3))
    x = layers.Rescaling(1 / 64, offset=-117 / 64, dtype="float32")(pictures)
    for i, (channels, kernel, stride) in enumerate(zip(STEM, (7, 1, 3), (2, 1, 1), strict=True)):
        x = builder.convolution(x, f"conv2d{i}", channels, kernel, stride)
        if i == 0:
            x = pool(3, 2, "same")(x)
    for name in list(MIXED)[: list(MIXED).index(deepest) + 1]:
        if name in _HALVED:
            x = pool(3, 2, "same")(x)
        x = builder.mixed(x, name, MIXED[name])
    x = layers.GlobalAveragePooling2D(dtype="float32")(x)
    return keras.Model(pictures, layers.Dense(classes, dtype="float32", name="logits")(x))


@dataclass(frozen=True)
class _Builder:
    """What all layers have in common."""

    width: float
    activation: str
    pool: Callable[..., Any]

    def mixed(self, x: Any, name: str, branches: tuple[int, ...]) -> Any:
        """Convolutions of several sizes side by side (Szegedy et al. 2014)."""
        one, three_from, three, five_from, five, pooled = branches
        narrow3 = self.convolution(x, f"{name}_3x3_bottleneck", three_from, 1)
        narrow5 = self.convolution(x, f"{name}_5x5_bottleneck", five_from, 1)
        parts = [
            self.convolution(x, f"{name}_1x1", one, 1),
            self.convolution(narrow3, f"{name}_3x3", three, 3),
            self.convolution(narrow5, f"{name}_5x5", five, 5),
            self.convolution(self.pool(3, 1, "same")(x), f"{name}_pool_reduce", pooled, 1),
        ]
        return layers.Concatenate(name=name)(parts)

    def convolution(self, x: Any, name: str, channels: int, kernel: int, stride: int = 1) -> Any:
        """Convolution, batch normalisation, activation. The names are those that `convert.py` expects."""
        x = layers.Conv2D(scaled(channels, self.width), kernel, stride, "same", use_bias=False, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_bn")(x)
        return layers.Activation(self.activation, name=name)(x)
