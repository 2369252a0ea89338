"""Networks from matconvnet's files (`.mat`, MATLAB's version 5), as VGG19 came in 2014 for Gatys' style transfer.

A file holds a chain of layers under names of their own (`conv1_1`, `relu1_1`, `pool1` …): convolutions with kernels
(h, w, in, out), ReLU, pooling, local response normalisation. It is data only, and nothing in it is run. The fully
connected layers at the end, which are convolutions there, are left out: they hold six in seven of all weights, and
neither styles nor dreams use them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.networks.collect import BadModel, Collection, Preprocessing
from worker.networks.graph import INPUT

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
            found.notes.append(f"layers behind {name!r} ({_text(layer, 'type')}) are left out")
            break
        source = following
    return found


def _net(file: Path) -> dict[str, Any]:
    try:
        import scipy.io
    except ImportError:
        raise BadModel("MATLAB's files are read with SciPy, which is not installed: pip install scipy") from None
    try:
        net: dict[str, Any] = scipy.io.loadmat(file, struct_as_record=True, squeeze_me=False)
    except NotImplementedError:
        raise BadModel(f"{file.name} is a file of MATLAB 7.3: save it again with -v7") from None
    # The reader meets damage with whatever its parts raise.
    except Exception as error:
        raise BadModel(f"{file.name} is no whole MATLAB file: {error or type(error).__name__}") from error
    # Newer files keep all of a network in a structure.
    inner = net.get("net")
    return net if inner is None or inner.dtype.names is None else {key: inner[key][0, 0] for key in inner.dtype.names}


def _layers(net: dict[str, Any], file: Path) -> list[Any]:
    layers = net.get("layers")
    if not isinstance(layers, np.ndarray) or layers.dtype != object:
        raise BadModel(f"{file.name} holds no chain of layers ('layers'), as matconvnet's networks do")
    structures = [cell[0, 0] for cell in layers.ravel() if getattr(cell, "size", 0) == 1 and cell.dtype.names]
    if len(structures) != layers.size:
        raise BadModel(f"{file.name} holds layers that are no structures")
    return structures


def _take(found: Collection, layer: Any, name: str, source: str) -> str | None:
    """Adds a layer's operations; the last one's name, or None for a layer that is left out."""
    channels = found.channels(source)
    match _text(layer, "type"):
        case "conv":
            kernel, bias = _weights(layer, name)
            if kernel.size > LARGEST_KERNEL or kernel.shape[0] != kernel.shape[1]:
                return None
            around, stride, side = _numbers(layer, "pad", 4), _numbers(layer, "stride", 2), kernel.shape[0]
            if stride[0] == 1 and around == [(side - 1) // 2] * 4 and side % 2 == 1:
                return found.conv(name, source, kernel, bias)
            padded = _padded(found, name, source, around)
            return padded and found.conv(name, padded, kernel, bias, stride=stride[0], padding="valid")
        case "relu":
            return found.op(name, "relu", [source], channels)
        case "pool":
            side, stride, around = (_numbers(layer, key, n) for key, n in (("pool", 2), ("stride", 2), ("pad", 4)))
            if len({*side}) > 1 or len({*stride}) > 1:
                return None
            kind = "avg_pool" if _text(layer, "method") == "avg" else "max_pool"
            padded = _padded(found, name, source, around)
            shape = {"kernel": side[0], "stride": stride[0], "padding": "valid"}
            return padded and found.op(name, kind, [padded], channels, **shape)  # type: ignore[arg-type]
        case "normalize" | "lrn":
            depth, kappa, alpha, beta = (float(v) for v in np.ravel(layer["param"]))
            return found.op(name, "lrn", [source], channels, parameters=[(depth - 1) // 2, kappa, alpha, beta])
        case "dropout":
            return source
    return None


def _padded(found: Collection, name: str, source: str, around: list[int]) -> str | None:
    """The source with zeros around it: top, bottom, left, right; None where sides differ."""
    top, bottom, left, right = around
    if (top, bottom) != (left, right):
        return None
    if top == bottom == 0:
        return source
    return found.op(f"{name}_pad", "pad", [source], found.channels(source), parameters=[top, bottom])


def _weights(layer: Any, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel (h, w, in, out) and bias (out,); the oldest files call them filters and biases."""
    fields = layer.dtype.names
    if "weights" in fields and layer["weights"].size >= 2:
        kernel, bias = layer["weights"].ravel()[:2]
    elif "filters" in fields and "biases" in fields:
        kernel, bias = layer["filters"], layer["biases"]
    else:
        raise BadModel(f"layer {name!r} has no weights")
    kernel, bias = np.asarray(kernel, np.float32), np.ravel(np.asarray(bias, np.float32))
    # MATLAB drops sides of length 1 at the end.
    return kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim)), bias


def _numbers(layer: Any, key: str, count: int) -> list[int]:
    """A field with a number for each side, or one for all; left out, no padding and steps of one."""
    if key not in layer.dtype.names:
        return [0 if key == "pad" else 1] * count
    values = [int(v) for v in np.ravel(layer[key])]
    return values * count if len(values) == 1 else values


def _text(layer: Any, key: str) -> str:
    values = np.ravel(layer[key]) if key in layer.dtype.names else np.array([""])
    return str(values[0]) if values.size else ""


def _mean(net: dict[str, Any]) -> NDArray[np.float64] | None:
    """The mean colour that the network's pictures are freed from: red, green, blue."""
    for path in (("meta", "normalization", "averageImage"), ("normalization", "averageImage")):
        value: Any = net
        for key in path:
            fields = value if isinstance(value, dict) else value.dtype.names or ()
            if key not in fields:
                break
            value = value[key] if isinstance(value, dict) else value[key][0, 0]
        else:
            average = np.asarray(value, np.float64)
            return average.reshape(-1, 3).mean(0) if average.size and average.shape[-1] == 3 else None
    return None
