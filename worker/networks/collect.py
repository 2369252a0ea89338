"""What importers collect: operations and weights in the farm's own terms, whatever file they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from worker.networks.graph import DREAMT_ON, INPUT, Graph, Kind

FloatArray = NDArray[np.float32]

#: How a network wants its pictures: `raw` 0–255, `unit` 0–1, `signed` −1–1, `centred` 0–255 minus 117,
#: `imagenet` 0–255 minus ImageNet's mean, `caffe` the same with channels in the order blue, green, red,
#: `torch` 0–1 minus ImageNet's mean, by its deviation.
Preprocessing = Literal["raw", "unit", "signed", "centred", "imagenet", "caffe", "torch"]

_MEAN_AND_SCALE: dict[str, tuple[tuple[float, float, float], float]] = {
    "raw": ((0.0, 0.0, 0.0), 1.0),
    "unit": ((0.0, 0.0, 0.0), 1 / 255),
    "signed": ((127.5, 127.5, 127.5), 1 / 127.5),
    "centred": ((117.0, 117.0, 117.0), 1.0),
    "imagenet": ((123.68, 116.779, 103.939), 1.0),
    "caffe": ((123.68, 116.779, 103.939), 1.0),
    "torch": ((123.675, 116.28, 103.53), 1 / 57.5),
}
#: What is left of `torch` when all channels have been divided by 57.5: their deviations.
_TORCH = np.array([57.5 / 58.395, 57.5 / 57.12, 57.5 / 57.375], np.float32)
#: Rec. 601 luma, for networks that see grey pictures.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


#: Strides, kernels and paddings beyond this, in cells, are no network's that was trained on pictures.
LARGEST_SIDE = 2**10
#: Nor are more channels.
MOST_CHANNELS = 2**16
#: What a convolution is called that makes the network's own colours of the picture's.
_OWN = "own_colours"
#: Operations that treat each channel by itself, so that a change of the channels' order may wait until after them.
_BY_CHANNEL = ("pad", "scale", "depthwise", "max_pool", "avg_pool")


class BadModel(ValueError):
    """The file does not hold a network that can be dreamt with; the message says why."""


def first_line(error: Exception) -> str:
    """What an error says, without TensorFlow's name for the operation and the pages of configuration that Keras adds."""
    said = re.sub(r"^\{\{.*?\}\} *", "", str(error).strip())
    first, *more = filter(None, map(str.strip, (said or type(error).__name__).splitlines()))
    # Keras announces the reason.
    return (f"{first} {more[0]}" if first.endswith(":") and more else first)[:400]


@dataclass
class Collection:
    """Operations in the order of computation, weights by operation, and what had to be left out."""

    preprocessing: Preprocessing
    ops: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, FloatArray] = field(default_factory=dict)
    #: The operation whose channels are the classes, if it was reached, and the classes' names, if the file has them.
    logits: str | None = None
    classes: list[str] = field(default_factory=list)
    #: Operations behind flattened or averaged cells.
    dense: set[str] = field(default_factory=set)
    #: Sentences for people about layers that cannot be dreamt on.
    notes: list[str] = field(default_factory=list)
    #: The network sees (rgb − mean) · scale.
    mean: list[float] = field(init=False)
    scale: float = field(init=False)
    _channels: dict[str, int] = field(init=False)
    _kinds: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        mean, self.scale = _MEAN_AND_SCALE[self.preprocessing]
        self.mean = list(mean)
        self._channels, self._kinds = {INPUT: 3}, {INPUT: INPUT}

    def rescale(self, scale: float, offset: float) -> None:
        """Takes over a layer that computes x · scale + offset on the preprocessed picture."""
        if not scale * self.scale:
            raise BadModel("the network multiplies its pictures by 0")
        own = _TORCH if self.preprocessing == "torch" else np.ones(3, np.float32)
        self.mean = [
            m - offset / (scale * self.scale * float(factor)) for m, factor in zip(self.mean, own, strict=True)
        ]
        self.scale *= scale

    def grey(self) -> str:
        """The picture as networks of one channel see it; to be called before any operation. Its name."""
        kernel = np.ones((1, 1, 1, 1), np.float32)
        return self.conv(_OWN, INPUT, kernel, None)

    def op(self, name: str, kind: Kind, inputs: list[str], channels: int, **shape: Any) -> str:
        """Adds an operation; its name. Raises BadModel when there is one of that name, or inputs do not fit."""
        if name in self._channels:
            raise BadModel(f"two operations are called {name!r}")
        if kind not in (*_BY_CHANNEL, "conv"):
            inputs = [self._own(source) for source in inputs]
        if kind == "add" and len({self.channels(source) for source in inputs}) > 1:
            raise BadModel(f"{name!r} adds results with different numbers of channels")
        if channels > MOST_CHANNELS:
            raise BadModel(f"{name!r} has {channels:,} channels, more than {MOST_CHANNELS:,}")
        sides = [shape.get(key, 1) for key in ("stride", "kernel", "width")]
        if min(sides) < 1:
            raise BadModel(f"{name!r} has a kernel or a stride below 1")
        if max(sides + shape["parameters"] if kind == "pad" else sides) > LARGEST_SIDE:
            raise BadModel(f"{name!r} has a stride, a kernel or a padding beyond {LARGEST_SIDE}")
        self.ops.append({"name": name, "kind": kind, "inputs": inputs, "channels": channels, **shape})
        self._channels[name], self._kinds[name] = channels, kind
        return name

    def conv(self, name: str, source: str, kernel: FloatArray, bias: FloatArray | None, **shape: Any) -> str:
        """Adds a convolution with its weights: kernel (h, w, in, out), bias (out,) or None for zeros."""
        if self.is_picture(source):
            kernel = self._for_rgb(kernel)
        if kernel.ndim != 4 or kernel.shape[2] != self.channels(source):
            raise BadModel(
                f"the kernel of {name!r} has the shape {kernel.shape}, but there are {self.channels(source)} channels"
            )
        return self._weighted(name, "conv", source, kernel, bias, shape)

    def depthwise(self, name: str, source: str, kernel: FloatArray, bias: FloatArray | None, **shape: Any) -> str:
        """Adds a convolution of each channel by itself: kernel (h, w, in), bias (in,) or None for zeros."""
        kernel, bias = self._by_colour(source, kernel, np.zeros(kernel.shape[-1], np.float32) if bias is None else bias)
        if kernel.ndim != 3 or kernel.shape[2] != self.channels(source):
            raise BadModel(
                f"the kernel of {name!r} has the shape {kernel.shape}, but there are {self.channels(source)} channels"
            )
        return self._weighted(name, "depthwise", source, kernel[..., None], bias, shape)

    def affine(self, name: str, source: str, factor: FloatArray, offset: FloatArray) -> str:
        """Adds x · factor + offset for each channel, both (channels,) or (1,)."""
        channels = self.channels(source)
        for part, values in zip(("kernel", "bias"), self._by_colour(source, factor, offset), strict=True):
            if values.shape not in ((1,), (channels,)):
                raise BadModel(f"{name!r} has the shape {values.shape}, but there are {channels} channels")
            self.weights[f"{name}/{part}"] = np.broadcast_to(np.asarray(values, np.float32), (channels,))
        return self.op(name, "scale", [source], channels)

    def fold(self, name: str, factor: FloatArray, offset: FloatArray) -> None:
        """Multiplies a convolution's results by `factor` and adds `offset`, both (out,), in its weights."""
        factor, offset = self._by_colour(name, factor, offset)
        by_output = factor[:, None] if self.kind(name) == "depthwise" else factor
        self.weights[f"{name}/kernel"] = np.asarray(self.weights[f"{name}/kernel"] * by_output, np.float32)
        self.weights[f"{name}/bias"] = np.asarray(self.weights[f"{name}/bias"] * factor + offset, np.float32)

    def rename(self, old: str, new: str) -> str:
        """Calls a convolution that nothing takes yet otherwise; its new name."""
        if new in self._channels:
            raise BadModel(f"two operations are called {new!r}")
        next(op for op in self.ops if op["name"] == old)["name"] = new
        self._channels[new], self._kinds[new] = self._channels.pop(old), self._kinds.pop(old)
        for part in ("kernel", "bias"):
            self.weights[f"{new}/{part}"] = self.weights.pop(f"{old}/{part}")
        return new

    def average_pools(self) -> None:
        """Makes all pools average pools, as style transfers like them.

        Zeros that a layer of padding puts around a picture count, as in PyTorch.
        """
        for op in self.ops:
            if op["kind"] == "max_pool":
                op["kind"] = "avg_pool"

    def prune(self) -> None:
        """Leaves out what only prepared for layers that were left out."""
        graph = Graph.from_json(self.ops)
        kept = {op.name for op in graph.ancestors(op.name for op in graph.ops if op.kind in DREAMT_ON)}
        self.ops = [op for op in self.ops if op["name"] in kept]
        self.weights = {key: value for key, value in self.weights.items() if key.rsplit("/", 1)[0] in kept}

    def __contains__(self, name: str) -> bool:
        return name in self._channels

    def channels(self, name: str) -> int:
        """Channels of an operation's result."""
        return self._channels[name]

    def kind(self, name: str) -> str:
        """Kind of an operation."""
        return self._kinds[name]

    def is_picture(self, name: str) -> bool:
        """Whether a result's channels are still the picture's colours."""
        while self._kinds[name] in _BY_CHANNEL:
            name = next(str(op["inputs"][0]) for op in self.ops if op["name"] == name)
        return name == INPUT

    def _own(self, source: str) -> str:
        """The result, with the network's own colours where it still has the picture's: what is done next may mix them."""
        if self.preprocessing not in ("caffe", "torch") or not self.is_picture(source):
            return source
        name = _OWN if source == INPUT else f"{source}_{_OWN}"
        return name if name in self else self.conv(name, source, np.eye(3, dtype=np.float32)[None, None], None)

    def _weighted(
        self, name: str, kind: Kind, source: str, kernel: FloatArray, bias: FloatArray | None, shape: dict[str, Any]
    ) -> str:
        height, width = kernel.shape[:2]
        channels = kernel.shape[3] if kind == "conv" else kernel.shape[2]
        if bias is not None and bias.shape != (channels,):
            raise BadModel(f"the bias of {name!r} has the shape {bias.shape}, expected ({channels},)")
        if height != width:
            shape["width"] = width
        self.weights[f"{name}/kernel"] = np.asarray(kernel, np.float32)
        self.weights[f"{name}/bias"] = np.zeros(channels, np.float32) if bias is None else np.asarray(bias, np.float32)
        return self.op(name, kind, [source], channels, kernel=height, **shape)

    def _for_rgb(self, kernel: FloatArray) -> FloatArray:
        """The first kernel (h, w, in, out) for pictures in red, green and blue."""
        if kernel.ndim == 4 and kernel.shape[2] == 1:
            kernel = kernel * _LUMA[:, None]
        if self.preprocessing == "torch":
            kernel = kernel * _TORCH[:, None]
        return kernel[:, :, ::-1] if self.preprocessing == "caffe" else kernel

    def _by_colour(self, source: str, factor: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Factors (…, channels) and offsets (channels,) for red, green and blue, if that is what `source` still holds.

        The first real convolution weighs and reorders the colours; what comes before has to do so with the opposite.
        """
        if not self.is_picture(source):
            return factor, offset
        if factor.shape[-1] == 1:
            factor, offset = (np.broadcast_to(v, (*v.shape[:-1], 3)) for v in (factor, offset))
        if self.preprocessing == "torch":
            offset = offset / _TORCH
        return (factor[..., ::-1], offset[::-1]) if self.preprocessing == "caffe" else (factor, offset)
