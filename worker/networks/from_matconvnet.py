"""Networks from matconvnet's files (`.mat`, MATLAB's version 5), as VGG19 came in 2014 for Gatys' style transfer.

A file holds a chain of layers under names of their own (`conv1_1`, `relu1_1`, `pool1` …): convolutions with kernels
(h, w, in, out), ReLU, also leaky, pooling, local response normalisation. It is data only, and nothing in it is run. The
fully connected layers at the end, which are convolutions there, are left out when they are as large as VGG's: they hold
six in seven of all weights, and neither styles nor dreams use them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.networks.collect import BadModel, Collection, Preprocessing
from worker.networks.graph import INPUT
from worker.networks.matlab import BadMatlabFile, read
from worker.networks.unpacking import most_unpacked

#: Kernels with more numbers than this are fully connected layers.
LARGEST_KERNEL = 2**24


def from_matconvnet(file: Path, preprocessing: Preprocessing) -> Collection:
    """The operations and weights of a chain of layers. Raises BadModel.

    The file's own mean is taken instead of ImageNet's, if it has one.
    """
    net = _net(file)
    found = Collection(preprocessing)
    mean = _mean(net)
    if mean is not None and preprocessing == "imagenet":
        found.mean = [float(m) for m in mean]
    source = INPUT
    for layer in _layers(net, file):
        name = _text(layer, "name")
        following = _take(found, layer, name, source)
        if following is None:
            found.notes.append(f"layers behind {name!r} ({_kind(layer)}) are left out")
            break
        source = following
    return found


def _net(file: Path) -> dict[str, Any]:
    try:
        net = read(file, most_unpacked(file))
    except BadMatlabFile as error:
        raise BadModel(f"{file.name} is no MATLAB file that can be read: {error}") from error
    # Newer files keep all of a network in a structure.
    inner = net.get("net")
    return inner if isinstance(inner, dict) else net


def _layers(net: dict[str, Any], file: Path) -> list[dict[str, Any]]:
    layers = net.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise BadModel(f"{file.name} holds no chain of layers ('layers'), as matconvnet's networks do")
    return layers


def _take(found: Collection, layer: dict[str, Any], name: str, source: str) -> str | None:
    """Adds a layer's operations; the last one's name, or None for a layer that is left out."""
    channels = found.channels(source)
    match _text(layer, "type"):
        case "conv":
            kernel, bias = _weights(layer, name)
            if kernel.size > LARGEST_KERNEL or kernel.shape[0] != kernel.shape[1] or _is_dilated(layer):
                return None
            around, stride, side = _sides(layer, "pad", 4), _sides(layer, "stride", 2), kernel.shape[0]
            if stride == [1, 1] and around == [(side - 1) // 2] * 4 and side % 2 == 1:
                return found.conv(name, source, kernel, bias)
            if stride[0] != stride[1]:
                return None
            padded = _padded(found, name, source, around)
            return padded and found.conv(name, padded, kernel, bias, stride=stride[0], padding="valid")
        case "relu":
            (leak,) = _numbers(layer, "leak", 1)
            if leak:
                return found.op(name, "activation", [source], channels, function="leaky_relu", parameters=[leak])
            return found.op(name, "relu", [source], channels)
        case "pool":
            side, stride, around = (_sides(layer, key, n) for key, n in (("pool", 2), ("stride", 2), ("pad", 4)))
            if len({*side}) > 1 or len({*stride}) > 1:
                return None
            kind = "avg_pool" if _text(layer, "method") == "avg" else "max_pool"
            if _is_padded_average(layer):
                return None
            padded = _padded(found, name, source, around)
            shape = {"kernel": side[0], "stride": stride[0], "padding": "valid"}
            return padded and found.op(name, kind, [padded], channels, **shape)  # type: ignore[arg-type]
        case "normalize" | "lrn":
            depth, kappa, alpha, beta = _numbers(layer, "param", 4)
            return found.op(name, "lrn", [source], channels, parameters=[(depth - 1) // 2, kappa, alpha, beta])
        case "dropout":
            return source
    return None


def _is_dilated(layer: dict[str, Any]) -> bool:
    return _numbers(layer, "dilate", 2) != [1, 1]


def _is_padded_average(layer: dict[str, Any]) -> bool:
    """Whether a pool averages over what is inside the picture alone, which an average with zeros around is not."""
    return _text(layer, "method") == "avg" and any(_sides(layer, "pad", 4))


def _kind(layer: dict[str, Any]) -> str:
    """What a layer is, with the setting that keeps it from being understood."""
    kind = _text(layer, "type")
    if kind == "pool" and _is_padded_average(layer):
        return f"pool, avg, pad {_sides(layer, 'pad', 4)}"
    return f"{kind}, dilate {_sides(layer, 'dilate', 2)}" if kind == "conv" and _is_dilated(layer) else kind


def _padded(found: Collection, name: str, source: str, around: list[int]) -> str | None:
    """The source with zeros around it: top, bottom, left, right; None where sides differ, or are cut off instead."""
    top, bottom, left, right = around
    if (top, bottom) != (left, right) or min(around) < 0:
        return None
    if top == bottom == 0:
        return source
    return found.op(f"{name}_pad", "pad", [source], found.channels(source), parameters=[top, bottom])


def _weights(layer: dict[str, Any], name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel (h, w, in, out) and bias (out,); the oldest files call them filters and biases."""
    both = layer.get("weights")
    kernel, bias = (
        both[:2] if isinstance(both, list) and len(both) >= 2 else (layer.get("filters"), layer.get("biases"))
    )
    if not isinstance(kernel, np.ndarray) or not isinstance(bias, np.ndarray) or kernel.ndim > 4:
        raise BadModel(f"layer {name!r} has no weights")
    # MATLAB drops sides of length 1 at the end.
    return kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim)).astype(np.float32), np.ravel(bias).astype(np.float32)


def _numbers(layer: dict[str, Any], key: str, count: int) -> list[float]:
    """A field with a number for each side, or one for all; left out, no padding, no leak and steps of one."""
    given = np.ravel(layer.get(key, 0 if key in ("pad", "leak") else 1))
    if given.size not in (1, count) or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
        raise BadModel(f"layer {layer.get('name')!r} has no {key} of 1 or {count} numbers")
    values = [float(number) for number in given]
    return values * count if len(values) == 1 else values


def _sides(layer: dict[str, Any], key: str, count: int) -> list[int]:
    return [int(number) for number in _numbers(layer, key, count)]


def _text(layer: dict[str, Any], key: str) -> str:
    value = layer.get(key)
    return value if isinstance(value, str) else ""


def _mean(net: dict[str, Any]) -> NDArray[np.float64] | None:
    """The mean colour that the network's pictures are freed from: red, green, blue."""
    meta = net.get("meta")
    normalization = (meta if isinstance(meta, dict) else net).get("normalization")
    average = normalization.get("averageImage") if isinstance(normalization, dict) else None
    if not isinstance(average, np.ndarray) or not average.size or average.shape[-1] != 3:
        return None
    return np.asarray(average.reshape(-1, 3).mean(0, dtype=np.float64))
