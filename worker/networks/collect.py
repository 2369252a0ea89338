"""What importers collect: operations and weights in the farm's own terms, whatever file they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from worker.networks.graph import INPUT

FloatArray = NDArray[np.float32]

#: How a network wants its pictures: `raw` 0–255, `unit` 0–1, `signed` −1–1, `centred` 0–255 minus 117,
#: `caffe` 0–255 minus ImageNet's mean, channels in the order blue, green, red.
Preprocessing = Literal["raw", "unit", "signed", "centred", "caffe"]

_MEAN_AND_SCALE: dict[str, tuple[tuple[float, float, float], float]] = {
    "raw": ((0.0, 0.0, 0.0), 1.0),
    "unit": ((0.0, 0.0, 0.0), 1 / 255),
    "signed": ((127.5, 127.5, 127.5), 1 / 127.5),
    "centred": ((117.0, 117.0, 117.0), 1.0),
    "caffe": ((123.68, 116.779, 103.939), 1.0),
}
#: Rec. 601 luma, for networks that see grey pictures.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass
class Collection:
    """Operations in the order of computation, weights by operation, and what had to be left out."""

    preprocessing: Preprocessing
    ops: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, FloatArray] = field(default_factory=dict)
    #: The operation whose channels are the classes, if it was reached.
    logits: str | None = None
    #: Sentences for people about layers that cannot be dreamt on.
    notes: list[str] = field(default_factory=list)
    #: The network sees (rgb − mean) · scale.
    mean: list[float] = field(init=False)
    scale: float = field(init=False)

    def __post_init__(self) -> None:
        mean, self.scale = _MEAN_AND_SCALE[self.preprocessing]
        self.mean = list(mean)

    def rescale(self, scale: float, offset: float) -> None:
        """Takes over a layer that computes x · scale + offset on the preprocessed picture."""
        self.mean = [m - offset / (scale * self.scale) for m in self.mean]
        self.scale *= scale

    def op(self, name: str, kind: str, inputs: list[str], channels: int, **shape: Any) -> str:
        """Adds an operation; its name."""
        self.ops.append({"name": name, "kind": kind, "inputs": inputs, "channels": channels, **shape})
        return name

    def conv(self, name: str, source: str, kernel: FloatArray, bias: FloatArray | None, **shape: Any) -> str:
        """Adds a convolution with its weights: kernel (h, w, in, out), bias (out,) or None for zeros."""
        if source == INPUT:
            kernel = self._for_rgb(kernel)
        height, width = kernel.shape[:2]
        if height != width:
            shape["width"] = width
        self.weights[f"{name}/kernel"] = np.asarray(kernel, np.float32)
        self.weights[f"{name}/bias"] = np.zeros(kernel.shape[-1], np.float32) if bias is None else bias
        return self.op(name, "conv", [source], kernel.shape[-1], kernel=height, **shape)

    def fold(self, name: str, factor: FloatArray, offset: FloatArray) -> None:
        """Multiplies a convolution's results by `factor` and adds `offset`, both (out,), in its weights."""
        self.weights[f"{name}/kernel"] = np.asarray(self.weights[f"{name}/kernel"] * factor, np.float32)
        self.weights[f"{name}/bias"] = np.asarray(self.weights[f"{name}/bias"] * factor + offset, np.float32)

    def channels(self, name: str) -> int:
        """Channels of an operation's result."""
        return 3 if name == INPUT else next(int(op["channels"]) for op in self.ops if op["name"] == name)

    def kind(self, name: str) -> str:
        """Kind of an operation."""
        return next((str(op["kind"]) for op in self.ops if op["name"] == name), INPUT)

    def _for_rgb(self, kernel: FloatArray) -> FloatArray:
        """The first kernel for pictures in red, green and blue."""
        if kernel.shape[2] == 1:
            kernel = kernel * _LUMA[:, None]
        return kernel[:, :, ::-1] if self.preprocessing == "caffe" else kernel
