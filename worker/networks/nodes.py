"""What single nodes of a frozen TensorFlow graph say of themselves."""

from __future__ import annotations

from typing import Any

#: What an attribute is that the file leaves out, by TensorFlow's own definitions of its operations.
_DEFAULTS: dict[str, Any] = {
    "LeakyRelu.alpha": 0.2,
    "LRN.depth_radius": 5,
    "LRN.bias": 1.0,
    "LRN.alpha": 1.0,
    "LRN.beta": 0.5,
    "epsilon": 1e-4,
    "is_training": True,
}


def plain(name: str) -> str:
    """A node's name without output number and control mark."""
    return name.removeprefix("^").split(":")[0]


def attribute(node: Any, name: str) -> Any:
    """A number or truth value of a node; the operation's own default where the file leaves it out."""
    default = _DEFAULTS.get(f"{node.op}.{name}", _DEFAULTS.get(name))
    if name not in node.attr:
        return default
    found = node.attr[name]
    return found.b if isinstance(default, bool) else found.i if isinstance(default, int) else found.f


def window(node: Any) -> dict[str, Any] | None:
    """Kernel (of pools), stride and padding; None for windows that are not square and for other layouts of memory."""
    strides, kernel = list(node.attr["strides"].list.i), list(node.attr["ksize"].list.i) or [1, 1, 1, 1]
    dilations = set(node.attr["dilations"].list.i) | {1}
    padding, layout = node.attr["padding"].s, node.attr["data_format"].s or b"NHWC"
    square = all(len(sides) == 4 and sides[0] == sides[3] == 1 and sides[1] == sides[2] for sides in (strides, kernel))
    if not square or dilations != {1} or padding not in (b"SAME", b"VALID") or layout != b"NHWC":
        return None
    return {"kernel": int(kernel[1]), "stride": int(strides[1]), "padding": padding.decode().lower()}


def placeholder_rank(node: Any) -> int | None:
    """The number of a placeholder's axes; None if the file does not say, as old ones with their empty shapes."""
    shape = node.attr["shape"].shape
    return None if shape.unknown_rank else len(shape.dim) or None
