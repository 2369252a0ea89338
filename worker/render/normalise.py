"""Gradient normalisation: on the assembled gradient of the whole picture, never per tile.

Everything is done a few rows at a time and in place: besides the gradient itself, only the smaller levels of a Laplacian
pyramid take memory that grows with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from shared.pixels import each_band
from worker.networks.network import Network
from worker.render.banded import each_rows, lines, row_sums, scale
from worker.render.recipe import FloatArray, Interrupt

#: Changes a gradient (H, W, 3) in place.
Normalise = Callable[[FloatArray, Interrupt], None]

#: Gaussians end at so many standard deviations.
_TRUNCATE = 4.0
#: Pixels of the tiles that the recipes' guards against division by zero are meant for.
_RECIPES_PIXELS = 512 * 512
#: Networks that multiply 0–255 by less than this see pictures in 0 to 1, or −1 to 1.
_SMALL_RANGE = 0.01
#: A square root of the covariance of colours in photographs (ImageNet's), up to a factor; published with Lucid (Olah,
#: Mordvintsev and Schubert 2017, "Feature Visualization", on decorrelated colours).
_PHOTOGRAPHS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
_PIXEL = np.dtype((np.void, 3 * np.dtype(np.float32).itemsize))


def by_std(unit: float = 1.0) -> Normalise:
    """Normalisation by the standard deviation of all values; `unit` is `unit_of` the network."""

    def normalise(gradient: FloatArray, _interrupt: Interrupt) -> None:
        mean, square = _mean(gradient, lambda x: x), _mean(gradient, np.square)
        scale(gradient, 1 / (math.sqrt(max(square - mean * mean, 0.0)) + _guard(1e-8, unit, gradient)))

    return normalise


def by_mean_abs(unit: float = 1.0) -> Normalise:
    """Normalisation by the mean of the absolute values; `unit` is `unit_of` the network."""

    def normalise(gradient: FloatArray, _interrupt: Interrupt) -> None:
        scale(gradient, 1 / (_mean(gradient, np.abs) + _guard(1e-7, unit, gradient)))

    return normalise


def by_bands(levels: int, unit: float = 1.0) -> Normalise:
    """Normalisation that makes all bands of a Laplacian pyramid of `levels` + 1 bands equally strong.

    The pyramid uses the 5×5 binomial kernel with stride 2 (Burt and Adelson 1983, as in TensorFlow's DeepDream
    tutorial of 2015); each band is divided by its root mean square. `unit` is `unit_of` the network.
    """

    def normalise(gradient: FloatArray, interrupt: Interrupt) -> None:
        guard = _guard(1e-10, unit, gradient)
        pyramid = [gradient]
        for _ in range(levels):
            pyramid.append(_shrunk(pyramid[-1], interrupt))
            _add_enlarged(pyramid[-2], pyramid[-1], -1, interrupt)
        for band in pyramid:
            interrupt()
            scale(band, 1 / max(math.sqrt(_mean(band, np.square)), guard))
        while len(pyramid) > 1:
            smaller = pyramid.pop()
            _add_enlarged(pyramid[-1], smaller, 1, interrupt)

    return normalise


def blur(gradient: FloatArray, sigma: float, interrupt: Interrupt) -> None:
    """Smooth `gradient` (H, W, 3) in place by a Gaussian of standard deviation `sigma` in pixels, cut off at 4 sigma.

    At its border the gradient goes on as its mirror image.
    """

    def along_rows(top: int, bottom: int) -> None:
        band = gradient[top:bottom]
        band[:] = gaussian_filter1d(band, sigma, axis=1, mode="reflect", truncate=_TRUNCATE)

    def along_columns(left: int, right: int) -> None:
        band = gradient[:, left:right]
        band[:] = gaussian_filter1d(band, sigma, axis=0, mode="reflect", truncate=_TRUNCATE)

    height, width = gradient.shape[:2]
    each_band(height, lines(width), along_rows, interrupt)
    each_band(width, lines(height), along_columns, interrupt)


def correlate(gradient: FloatArray, power: float) -> None:
    """Change the colours of `gradient` (H, W, 3) together, in place, as those of photographs do.

    A step along the gradient in colours that are decorrelated by the square root of a covariance C is a step along C
    times the gradient in RGB. `power`, 0 to 1, is C's: 0 changes nothing, 1 steps in decorrelated colours. Grey keeps its
    strength, about; colours that photographs hardly know lose theirs.
    """
    values, vectors = np.linalg.eigh(_PHOTOGRAPHS @ _PHOTOGRAPHS.T)
    matrix = ((vectors * (values / values.max()) ** power) @ vectors.T).astype(np.float32)

    def band(rows: slice) -> None:
        changed = gradient[rows]
        red, green, blue = (changed[..., channel].copy() for channel in range(3))
        # Term by term: a matrix product may round otherwise for bands of other sizes.
        for channel, (of_red, of_green, of_blue) in enumerate(matrix):
            changed[..., channel] = of_red * red + of_green * green + of_blue * blue

    each_rows(gradient, band)


def is_finite(array: FloatArray) -> bool:
    """Whether all values of `array` (H, W, C) are finite numbers."""
    finite = np.empty(array.shape[0], bool)

    def band(rows: slice) -> None:
        finite[rows] = np.isfinite(array[rows]).all(axis=(1, 2))

    each_rows(array, band)
    return bool(finite.all())


def unit_of(network: Network) -> float:
    """What the picture's values are multiplied by where a recipe takes its gradient.

    Recipes for networks that see pictures in 0 to 1, or −1 to 1, derive by those; others by pictures in 0–255. Networks
    that invert their pictures have a negative scale.
    """
    size = abs(network.scale)
    return size if size < _SMALL_RANGE else 1.0


def _guard(epsilon: float, unit: float, gradient: FloatArray) -> float:
    """A recipe's guard against division by zero, so small that it does nothing else.

    The recipes take means over tiles of 512 pixels. Those over a larger picture have gradients that are smaller in
    proportion, and the same guard would hold back every step.
    """
    height, width = gradient.shape[:2]
    return epsilon * unit * float(min(1.0, _RECIPES_PIXELS / (height * width)))


def _mean(array: FloatArray, value: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> float:
    """The mean of a function of all values."""
    totals = np.empty(array.shape[0])

    def band(rows: slice) -> None:
        totals[rows] = row_sums(value(array[rows].astype(np.float64)))

    each_rows(array, band)
    return float(totals.sum()) / array.size


def _shrunk(larger: FloatArray, interrupt: Interrupt) -> FloatArray:
    """The next level of a Gaussian pyramid: half the size, rounded up. Beyond the border everything is 0."""
    height, width = (-(-side // 2) for side in larger.shape[:2])
    above, before = map(_padding, larger.shape[:2])
    smaller = np.empty((height, width, 3), np.float32)

    def band(top: int, bottom: int) -> None:
        rows = _rows(larger, 2 * top - above, 2 * bottom + 4 - above)
        padded = np.zeros((bottom - top, 2 * width + 4, 3), np.float32)
        _halve(rows[0::2], rows[1::2], padded[:, before : before + larger.shape[1]])
        pairs = _pixels(padded)
        even, odd = (_values(pairs[:, start::2]).swapaxes(0, 1) for start in (0, 1))
        _halve(even, odd, smaller[top:bottom].swapaxes(0, 1))

    each_band(height, lines(2 * larger.shape[1]), band, interrupt)
    return smaller


def _add_enlarged(larger: FloatArray, smaller: FloatArray, sign: int, interrupt: Interrupt) -> None:
    """Add to `larger` (or take away, with sign −1) what the next level of its pyramid says: 4 times `_shrunk`'s adjoint."""
    height, width = larger.shape[:2]
    above, before = map(_padding, larger.shape[:2])
    columns = -(-(width + before) // 2)

    def band(top: int, bottom: int) -> None:
        first, last = (top + above) // 2, -(-(bottom + above) // 2)
        rows = _rows(smaller, first - 2, last)
        padded = np.zeros((len(rows), columns + 2, 3), np.float32)
        padded[:, 2 : 2 + smaller.shape[1]] = rows
        wide = np.empty((len(rows), 2 * columns, 3), np.float32)
        for start, half in enumerate(_doubled(padded.swapaxes(0, 1))):
            _pixels(wide)[:, start::2] = _pixels(half.swapaxes(0, 1))
        change = np.add if sign > 0 else np.subtract
        for start, half in enumerate(_doubled(wide[:, before : before + width])):
            # These are rows 2 · first + start − above, and every second one after it.
            skipped = 2 * first + start < top + above
            part = larger[2 * first + start - above + 2 * skipped : bottom : 2]
            change(part, half[skipped:][: len(part)], out=part)

    each_band(height, lines(width), band, interrupt)


def _padding(length: int) -> int:
    """Zeros before a line that is halved: TensorFlow's SAME padding of 5 taps with stride 2."""
    return 1 if length % 2 == 0 else 2


def _rows(array: FloatArray, first: int, last: int) -> FloatArray:
    """Rows `first` to `last` (exclusive), 0 where there are none."""
    inside = array[max(first, 0) : max(last, 0)]
    above = max(-first, 0)
    below = last - first - len(inside) - above
    return np.pad(inside, ((above, below), (0, 0), (0, 0))) if above or below else inside


def _halve(even: FloatArray, odd: FloatArray, out: FloatArray) -> None:
    """Write the n binomial means of 5 neighbours among 2n + 4 lines, which come as every second one, to `out`."""
    count = len(out)
    np.add(odd[:count], odd[1 : count + 1], out=out)
    out *= 4
    out += even[:count]
    out += even[2 : count + 2]
    out += even[1 : count + 1] * np.float32(6)
    out *= np.float32(1 / 16)


def _doubled(lines: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Every second one of the 2n lines between n + 2: binomial means of their 3 or 2 neighbours."""
    even = lines[1:-1] * np.float32(6)
    even += lines[:-2]
    even += lines[2:]
    even *= np.float32(1 / 8)
    odd = lines[1:-1] + lines[2:]
    odd *= np.float32(1 / 2)
    return even, odd


def _pixels(array: FloatArray) -> NDArray[np.void]:
    """(H, W, 3) as (H, W): NumPy copies whole pixels twice as fast."""
    return array.view(_PIXEL)[..., 0]


def _values(pixels: NDArray[np.void]) -> FloatArray:
    return np.ascontiguousarray(pixels)[..., None].view(np.float32)
