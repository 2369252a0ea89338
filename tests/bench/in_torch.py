"""Networks in PyTorch, written as one would who wants them fast: channels last, in place, gradients by the input only.

PyTorch is no dependency of this project; only processes that compare with it import this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from worker.networks.graph import INPUT, Op
from worker.networks.network import Network


class Torch:
    """A network's layers, with our weights."""

    def __init__(self, network: Network, layers: tuple[str, ...], threads: int) -> None:
        torch.set_num_threads(threads)
        self._ops, self._layers = network.graph.ancestors(layers), layers
        self._mean, self._scale = torch.tensor(network.mean).reshape(1, 3, 1, 1), network.scale
        self._weights = {
            op.name: (
                torch.tensor(np.ascontiguousarray(network.weights[f"{op.name}/kernel"].transpose(3, 2, 0, 1))).to(
                    memory_format=torch.channels_last
                ),
                torch.tensor(network.weights[f"{op.name}/bias"]),
            )
            for op in self._ops
            if op.kind == "conv"
        }

    def pixels(self, picture: Any) -> torch.Tensor:
        """`picture` (H, W, 3), 0–255, as (1, 3, H, W) with channels last."""
        return torch.tensor(picture[None]).permute(0, 3, 1, 2)

    def activations(self, pixels: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """The layers' activations (1, C, h, w) for `pixels` (1, 3, H, W); the sides are multiples of the total stride."""
        results = {INPUT: (pixels - self._mean) * self._scale}
        for op in self._ops:
            results[op.name] = self._apply(op, [results[name] for name in op.inputs])
        return {layer: results[layer] for layer in self._layers}

    def gradient(self, picture: Any, loss: Callable[[Mapping[str, torch.Tensor]], torch.Tensor]) -> Any:
        """The gradient (H, W, 3) of a loss of the activations by `picture` (H, W, 3)."""
        pixels = self.pixels(picture).requires_grad_()
        (found,) = torch.autograd.grad(loss(self.activations(pixels)), pixels)
        return found[0].permute(1, 2, 0).numpy()

    def _apply(self, op: Op, inputs: list[torch.Tensor]) -> torch.Tensor:
        x = inputs[0]
        match op.kind:
            case "conv":
                kernel, bias = self._weights[op.name]
                missing = op.kernel - op.stride
                if missing % 2:
                    # TensorFlow's SAME pads one more at the end than at the beginning.
                    before, after = missing // 2, missing - missing // 2
                    x = functional.pad(x, (before, after, before, after))
                    return functional.conv2d(x, kernel, bias, op.stride)
                return functional.conv2d(x, kernel, bias, op.stride, missing // 2)
            case "relu":
                return functional.relu_(x)
            case "max_pool":
                if op.stride == 1:
                    return functional.max_pool2d(x, op.kernel, 1, op.kernel // 2)
                return functional.max_pool2d(x, op.kernel, op.stride, ceil_mode=True)
            case "lrn":
                radius, bias, alpha, beta = op.parameters
                size = 2 * int(radius) + 1
                return functional.local_response_norm(x, size, alpha * size, beta, bias)
            case "concat":
                return torch.cat(inputs, 1)
            case _:
                raise ValueError(f"{op.kind} is not needed by the networks that are compared")
