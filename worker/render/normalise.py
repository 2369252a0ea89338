"""Gradient normalisation: on the assembled gradient of the whole picture, never per tile."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from worker.render.recipe import FloatArray, Interrupt

Normalise = Callable[[FloatArray, Interrupt], FloatArray]


def by_std(gradient: FloatArray, _interrupt: Interrupt) -> FloatArray:
    """`gradient` (H, W, 3) divided by its standard deviation; changed in place."""
    gradient /= np.float32(gradient.std(dtype=np.float64) + 1e-8)
    return gradient


def by_mean_abs(gradient: FloatArray, _interrupt: Interrupt) -> FloatArray:
    """`gradient` (H, W, 3) divided by the mean of its absolute values; changed in place."""
    gradient /= np.float32(np.abs(gradient).mean(dtype=np.float64) + 1e-7)
    return gradient


def by_bands(levels: int) -> Normalise:
    """Normalisation that makes all bands of a Laplacian pyramid of `levels` + 1 bands equally strong.

    The pyramid uses the 5×5 binomial kernel with stride 2 (Burt and Adelson 1983, as in TensorFlow's DeepDream
    tutorial of 2015); each band is divided by its root mean square. The gradient is changed in place.
    """

    def normalise(gradient: FloatArray, interrupt: Interrupt) -> FloatArray:
        bands = []
        for _ in range(levels):
            interrupt()
            smaller = _shrink(gradient)
            gradient -= _enlarge(smaller, gradient.shape)
            bands.append(gradient)
            gradient = smaller
        merged = _unit(gradient)
        for band in reversed(bands):
            interrupt()
            merged = np.add(_unit(band), _enlarge(merged, band.shape), out=band)
        return merged

    return normalise


def _unit(band: FloatArray) -> FloatArray:
    energy = np.square(band).mean(dtype=np.float64)
    band /= np.float32(max(np.sqrt(energy), 1e-10))
    return band


@cache
def _kernel() -> Any:
    row = np.array([1, 4, 6, 4, 1], np.float32)
    binomial = np.outer(row, row) / row.sum() ** 2
    return tf.constant(binomial[:, :, None, None] * np.eye(3, dtype=np.float32))


def _shrink(picture: FloatArray) -> FloatArray:
    with tf.device("CPU"):
        smaller = tf.nn.conv2d(picture[None], _kernel(), 2, "SAME")[0].numpy()
    return np.array(smaller)


def _enlarge(picture: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    with tf.device("CPU"):
        larger = tf.nn.conv2d_transpose(picture[None], _kernel() * 4, (1, *shape), 2, "SAME")
    enlarged: FloatArray = larger[0].numpy()
    return enlarged
