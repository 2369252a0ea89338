"""Convolutions and response normalisation in three precisions, with gradients by the input only.

Weights never change here, so nothing is ever derived by them: each gradient is one convolution, not two.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

#: `float32`; `mixed`: values in float32, the convolutions of gradients in half precision; `bfloat16`: half throughout.
Precision = Literal["float32", "mixed", "bfloat16"]

#: How a convolution is computed: `wide`, forward as `is_wide` says; `blocks`, of stride 2, backward over blocks of 2×2
#: pixels as channels. With three channels in, a strided convolution's gradient runs at a third of the speed otherwise.
Way = Literal["plain", "wide", "blocks"]

#: Channels from which on convolutions count as wide, measured on an Intel Xeon: 1.3 times as fast with 256, twice with 512.
#: On an AMD Zen 5 it is 1.3 and 1.05 times.
WIDE = 256
_MADE_FOR_ONEDNN = platform.machine().lower() in ("x86_64", "amd64")

#: Exponents of response normalisation for which square roots do: powers take six times as long.
_ROOTS: dict[float, Callable[[Any], Any]] = {
    0.5: tf.math.rsqrt,
    0.75: lambda x: tf.math.rsqrt(x) * tf.sqrt(tf.math.rsqrt(x)),
}

#: Channels in a block when neighbours among many are summed, and from how many on: measured, 1.4 times as fast.
_BLOCK, _MANY = 16, 128


class Weight(Protocol):
    """Gives a kernel in a type, arranged otherwise if asked."""

    def __call__(
        self, kind: Any, arranged: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None, /
    ) -> Any:
        """The kernel as a tensor."""


@dataclass(frozen=True)
class Arithmetic:
    """How convolutions are computed on a device.

    `half` is the 16-bit type that the device is fast in: bfloat16 on CPUs and on GPUs since Ampere, float16 on older ones.
    """

    precision: Precision = "float32"
    half: Any = tf.bfloat16

    @property
    def values(self) -> Any:
        """The type of activations."""
        return self.half if self.precision == "bfloat16" else tf.float32

    def conv(self, x: Any, weight: Weight, stride: int, padding: str, way: Way = "plain") -> Any:
        """`x` (N, h, w, in) convolved with the kernel (kh, kw, in, out) that `weight` gives."""
        slopes = tf.float32 if self.precision == "float32" else self.half
        wide = way == "wide" and self.values == tf.float32

        def values(x: Any) -> Any:
            if not wide:
                return tf.nn.conv2d(x, weight(self.values), stride, padding)
            kernel = weight(self.values, mirrored)
            shape = tf.concat([tf.shape(x)[:3], [kernel.shape[2]]], 0)
            return tf.nn.conv2d_transpose(x, kernel, shape, 1, "SAME")

        if slopes == self.values and not wide and way != "blocks":
            return values(x)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def conv(x: Any) -> Any:
            def pulled(slope: Any) -> Any:
                if way != "blocks":
                    return tf.nn.conv2d_transpose(slope, weight(slopes), tf.shape(x), stride, padding)
                kernel = weight(slopes, blocks)
                shape = tf.concat([tf.shape(slope)[:3], [kernel.shape[2]]], 0)
                return tf.nn.depth_to_space(tf.nn.conv2d_transpose(slope, kernel, shape, 1, "SAME"), stride)

            def gradient(slope: Any) -> Any:
                if slopes != tf.float16 or self.values == tf.float16:
                    return tf.cast(pulled(tf.cast(slope, slopes)), x.dtype)
                # float16 ends at 65,504 and loses digits under 6e-5; gradients come in any size.
                size_of = tf.maximum(tf.reduce_max(tf.abs(slope)), 1e-30)
                return tf.cast(pulled(tf.cast(slope / size_of, slopes)), x.dtype) * size_of

            return values(x), gradient

        return conv(x)


def mirrored(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """The kernel (out, in swapped) whose transposed convolution is the convolution with `kernel`; odd sides only."""
    return np.ascontiguousarray(kernel[::-1, ::-1].transpose(0, 1, 3, 2))


def is_wide(shape: Sequence[int], stride: int, padding: str) -> bool:
    """Whether a convolution is faster as the transposed one of its mirrored kernel, on CPUs that oneDNN is made for.

    oneDNN's forward convolution reads the kernel as it is laid out, with inputs far apart where outputs are many: 512
    channels at half the speed. The backward one rearranges it first.
    """
    height, width, inputs, outputs = shape
    odd = height % 2 == width % 2 == 1
    return (
        odd
        and height * width > 1
        and stride == 1
        and padding == "same"
        and min(inputs, outputs) >= WIDE
        and _MADE_FOR_ONEDNN
    )


def blocks(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A kernel (k, k, in, out) of stride 2 as the equal one of stride 1 over blocks: (⌈k/2⌉, ⌈k/2⌉, 4·in, out)."""
    side, inputs, outputs = -(-kernel.shape[0] // 2), kernel.shape[2], kernel.shape[3]
    missing = 2 * side - kernel.shape[0]
    padded = np.pad(kernel, ((0, missing), (0, missing), (0, 0), (0, 0)))
    cut = padded.reshape(side, 2, side, 2, inputs, outputs).transpose(0, 2, 1, 3, 4, 5)
    return np.ascontiguousarray(cut.reshape(side, side, 4 * inputs, outputs))


def normalised(x: Any, radius: float, bias: float, alpha: float, beta: float) -> Any:
    """Local response normalisation of `x` (N, h, w, C): x · (bias + alpha · Σ x²)^−beta over neighbouring channels.

    The sum is a banded 1×1 convolution. TensorFlow's own operation takes a quarter of the time of an Inception network
    on a CPU; this one, with its gradient in closed form, a tenth.
    """
    power = _ROOTS.get(round(beta, 6), lambda total: tf.pow(total, -beta))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def normalise(x: Any) -> Any:
        total = _neighbours(tf.square(x), radius, alpha, bias)
        factor = power(total)
        result = x * factor

        def gradient(slope: Any) -> Any:
            # d/dx of a sum over a symmetric band: the band once more, over what each neighbour's total is worth.
            inner = slope * factor
            return inner - x * _neighbours(inner * x / total, radius, 2 * alpha * beta)

        return result, gradient

    return normalise(x)


def _neighbours(x: Any, radius: float, factor: float, bias: float = 0.0) -> Any:
    """bias + factor · Σ over the channels of `x` (N, h, w, C) that are `radius` away at most, for each channel."""
    channels, shape = x.shape[-1], tf.shape(x)
    if channels < _MANY or channels % _BLOCK or radius > _BLOCK:
        kernel = _band(np.arange(channels), radius)[None, None]
    else:
        # Channels count as a row of blocks; of its neighbours a block sees the two beside it.
        inside = np.arange(_BLOCK)
        kernel = np.stack([_band(inside, radius, offset) for offset in (-_BLOCK, 0, _BLOCK)])[None]
        x = tf.reshape(x, (1, -1, channels // _BLOCK, _BLOCK))
    total = tf.nn.conv2d(x, tf.constant(factor * kernel, x.dtype), 1, "SAME")
    if bias:
        total = tf.nn.bias_add(total, tf.constant(np.full(kernel.shape[-1], bias), x.dtype))
    return tf.ensure_shape(tf.reshape(total, shape), (None, None, None, channels))


def _band(channels: NDArray[np.int_], radius: float, offset: int = 0) -> NDArray[np.float32]:
    """1 where a channel (row), moved by `offset`, is at most `radius` away from another one (column)."""
    distance = np.abs(channels[:, None] + offset - channels)
    return np.asarray(distance <= radius, np.float32)
