"""Convolutions and response normalisation in three precisions, with gradients by the input only.

Weights never change here, so nothing is ever derived by them: each gradient is one convolution, not two.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

#: `float32`; `mixed`: values in float32, the convolutions of gradients in half precision; `bfloat16`: half throughout.
Precision = Literal["float32", "mixed", "bfloat16"]

#: Channels from which on convolutions count as wide, measured: 1.3 times as fast with 256, twice with 512.
WIDE = 256
_MADE_FOR_ONEDNN = platform.machine().lower() in ("x86_64", "amd64")

#: Exponents of response normalisation for which square roots do: powers take six times as long.
_ROOTS: dict[float, Callable[[Any], Any]] = {
    0.5: tf.math.rsqrt,
    0.75: lambda x: tf.math.rsqrt(x) * tf.sqrt(tf.math.rsqrt(x)),
}


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

    def conv(self, x: Any, kernel: Any, half_kernel: Any, stride: int, padding: str, mirrored: Any = None) -> Any:
        """`x` (N, h, w, in) with `kernel` (kh, kw, in, out); `half_kernel` is the same in half precision.

        `mirrored`, if any, is what `mirrored()` makes of the kernel; the stride is 1 then, and the padding SAME.
        """
        match self.precision:
            case "float32":
                return tf.nn.conv2d(x, kernel, stride, padding) if mirrored is None else _wide(x, kernel, mirrored)
            case "bfloat16":
                return tf.nn.conv2d(x, half_kernel, stride, padding)
            case "mixed":
                return _mixed_conv(x, kernel, half_kernel, stride, padding)


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


def _wide(x: Any, kernel: Any, mirrored: Any) -> Any:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def conv(x: Any) -> Any:
        def gradient(slope: Any) -> Any:
            return tf.nn.conv2d_transpose(slope, kernel, tf.shape(x), 1, "SAME")

        shape = tf.concat([tf.shape(x)[:3], [kernel.shape[3]]], 0)
        return tf.nn.conv2d_transpose(x, mirrored, shape, 1, "SAME"), gradient

    return conv(x)


def _mixed_conv(x: Any, kernel: Any, half_kernel: Any, stride: int, padding: str) -> Any:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def conv(x: Any) -> Any:
        def gradient(slope: Any) -> Any:
            half, size = half_kernel.dtype, tf.shape(x)
            if half == tf.float16:
                # float16 ends at 65,504 and loses digits under 6e-5; gradients come in any size.
                size_of = tf.maximum(tf.reduce_max(tf.abs(slope)), 1e-30)
                found = tf.nn.conv2d_transpose(tf.cast(slope / size_of, half), half_kernel, size, stride, padding)
                return tf.cast(found, tf.float32) * size_of
            found = tf.nn.conv2d_transpose(tf.cast(slope, half), half_kernel, size, stride, padding)
            return tf.cast(found, tf.float32)

        return tf.nn.conv2d(x, kernel, stride, padding), gradient

    return conv(x)


def normalised(x: Any, radius: float, bias: float, alpha: float, beta: float) -> Any:
    """Local response normalisation of `x` (N, h, w, C): x · (bias + alpha · Σ x²)^−beta over neighbouring channels.

    The sum is a banded 1×1 convolution. TensorFlow's own operation takes a quarter of the time of an Inception network
    on a CPU; this one, with its gradient in closed form, a tenth.
    """
    channels = np.arange(x.shape[-1])
    band = (np.abs(channels[:, None] - channels) <= radius).astype(np.float32)[None, None]
    power = _ROOTS.get(round(beta, 6), lambda total: tf.pow(total, -beta))
    kind = x.dtype

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def normalise(x: Any) -> Any:
        total = bias + tf.nn.conv2d(tf.square(x), tf.constant(alpha * band, kind), 1, "SAME")
        factor = power(total)
        result = x * factor

        def gradient(slope: Any) -> Any:
            # d/dx of a sum over a symmetric band: the band once more, over what each neighbour's total is worth.
            shared = tf.nn.conv2d(slope * result / total, tf.constant(2 * alpha * beta * band, kind), 1, "SAME")
            return slope * factor - x * shared

        return result, gradient

    return normalise(x)
