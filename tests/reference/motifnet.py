"""motifnet written out layer by layer, to hold the package's network and gradients against. Plain TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from safetensors.numpy import load_file

WEIGHTS = load_file(Path(__file__).parents[2] / "worker/networks/motifnet/motifnet.safetensors")


def conv(x: Any, name: str, stride: int = 1) -> Any:
    kernel = tf.cast(WEIGHTS[f"{name}/kernel"], tf.float32)
    return tf.nn.conv2d(x, kernel, stride, "SAME") + tf.cast(WEIGHTS[f"{name}/bias"], tf.float32)


def motifnet(rgb: Any) -> dict[str, Any]:
    """All layers (1, h, w, C) for a picture (1, H, W, 3) in 0–255."""
    layers: dict[str, Any] = {}

    def unit(x: Any, name: str, stride: int = 1) -> Any:
        layers[name + "_pre_relu"] = conv(x, name + "_pre_relu", stride)
        layers[name] = tf.nn.relu(layers[name + "_pre_relu"])
        return layers[name]

    def inception(x: Any, name: str) -> Any:
        pooled = tf.nn.max_pool2d(x, 3, 1, "SAME")
        branches = [
            unit(x, f"{name}_1x1"),
            unit(unit(x, f"{name}_3x3_bottleneck"), f"{name}_3x3"),
            unit(unit(x, f"{name}_5x5_bottleneck"), f"{name}_5x5"),
            unit(pooled, f"{name}_pool_reduce"),
        ]
        layers[name] = tf.concat(branches, -1)
        return layers[name]

    x = unit((rgb - 117.0) / 64.0, "conv2d0", 2)
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    x = unit(unit(x, "conv2d1"), "conv2d2")
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    x = inception(inception(x, "mixed3a"), "mixed3b")
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    for name in ("mixed4a", "mixed4b", "mixed4c", "mixed4d"):
        x = inception(x, name)
    x = inception(tf.nn.max_pool2d(x, 3, 2, "SAME"), "mixed5a")
    layers["logits"] = conv(x, "logits")
    return layers
