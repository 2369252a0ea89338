"""Published networks with random weights: true names, shapes and file formats, nothing downloaded.

Weights are He-normal, biases small, each drawn from the seed and the layer's name: a file and a network built from the
same seed hold the same numbers. `width` scales all channels but the picture's and the classes'.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.networks.adding import topology_of
from worker.networks.collect import Collection
from worker.networks.describe import describe
from worker.networks.graph import INPUT, Graph
from worker.networks.network import Network

FloatArray = NDArray[np.float32]

#: inception5h: channels of each module's 1×1, 3×3 bottleneck, 3×3, 5×5 bottleneck, 5×5 and pool-reduce convolution.
MODULES: dict[str, tuple[int, int, int, int, int, int]] = {
    "mixed3a": (64, 96, 128, 16, 32, 32),
    "mixed3b": (128, 128, 192, 32, 96, 64),
    "mixed4a": (192, 96, 204, 16, 48, 64),
    "mixed4b": (160, 112, 224, 24, 64, 64),
    "mixed4c": (128, 128, 256, 24, 64, 64),
    "mixed4d": (112, 144, 288, 32, 64, 64),
    "mixed4e": (256, 160, 320, 32, 128, 128),
    "mixed5a": (256, 160, 320, 48, 128, 128),
    "mixed5b": (384, 192, 384, 48, 128, 128),
}
#: Pools of stride 2 before a module.
POOLS = {"mixed3a": "maxpool1", "mixed4a": "maxpool4", "mixed5a": "maxpool10"}
#: inception5h's classes; 1001 of them have names.
CLASSES = 1008
#: LRN in inception5h: depth radius, bias, alpha, beta.
LRN = (5, 1.0, 1e-4, 0.5)
#: VGG19: channels and number of convolutions of each block.
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))


def drawn_weights(name: str, shape: Sequence[int], seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Kernel of `shape`, whose last side is the outputs, and bias of the layer `name`."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    kernel = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[:-1])))
    return kernel, rng.standard_normal(shape[-1], np.float32) * np.float32(0.05)


def inception5h(width: float = 1.0, seed: int = 0) -> Network:
    """inception5h from the picture to its classes, without the two heads beside the way that helped to train it."""
    found = Collection("centred")

    def conv(source: str, name: str, side: int, channels: int, stride: int = 1) -> str:
        kernel, bias = drawn_weights(name, (side, side, found.channels(source), channels), seed)
        found.conv(f"{name}_pre_relu", source, kernel, bias, stride=stride)
        return found.op(name, "relu", [f"{name}_pre_relu"], channels)

    def pool(source: str, name: str, stride: int) -> str:
        return found.op(name, "max_pool", [source], found.channels(source), kernel=3, stride=stride)

    def lrn(source: str, name: str) -> str:
        return found.op(name, "lrn", [source], found.channels(source), parameters=list(map(float, LRN)))

    def concat(sources: list[str], name: str) -> str:
        return found.op(name, "concat", sources, sum(map(found.channels, sources)))

    last = _inception(INPUT, width, conv, pool, lrn, concat)
    kernel, bias = drawn_weights("softmax2", (found.channels(last), CLASSES), seed)
    found.logits = found.conv("softmax2_pre_activation", last, kernel[None, None], bias)
    return network_of(found, "inception5h", objective="mixed4c")


def vgg19(width: float = 1.0, seed: int = 0) -> Network:
    """VGG19 without its dense layers, with Keras' names."""
    found = Collection("caffe")
    source = INPUT
    for block, (channels, depth) in enumerate(BLOCKS, start=1):
        for i in range(1, depth + 1):
            name = f"block{block}_conv{i}"
            kernel, bias = drawn_weights(name, (3, 3, found.channels(source), _scaled(channels, width)), seed)
            found.conv(f"{name}_pre_relu", source, kernel, bias)
            source = found.op(name, "relu", [f"{name}_pre_relu"], _scaled(channels, width))
        shape = {"kernel": 2, "stride": 2, "padding": "valid"}
        source = found.op(f"block{block}_pool", "max_pool", [source], found.channels(source), **shape)
    return network_of(found, "vgg19", objective="block4_conv3")


def vgg19_matconvnet(width: float = 1.0, seed: int = 0) -> Network:
    """VGG19 without its dense layers, with matconvnet's names and average pooling."""
    found = Collection("raw")
    found.mean = [123.68, 116.779, 103.939]
    source = INPUT
    for kind, name, shape in _matconvnet_layers(width, top=False):
        if kind == "conv":
            source = found.conv(name, source, *drawn_weights(name, shape, seed))
        elif kind == "relu":
            source = found.op(name, "relu", [source], found.channels(source))
        else:
            pooling = {"kernel": 2, "stride": 2, "padding": "valid"}
            source = found.op(name, "avg_pool", [source], found.channels(source), **pooling)
    return network_of(found, "vgg19_matconvnet", objective="relu4_2")


def overpadded(width: float = 1.0, seed: int = 0) -> Network:
    """A network with more cells than its pictures have room for: it pads by more than its kernels take away."""
    found = Collection("signed")

    def conv(source: str, name: str, side: int, channels: int, around: int, stride: int = 1) -> str:
        padded = found.op(f"{name}_pad", "pad", [source], found.channels(source), parameters=[around, around])
        kernel, bias = drawn_weights(name, (side, side, found.channels(source), _scaled(channels, width)), seed)
        found.conv(f"{name}_pre_relu", padded, kernel, bias, stride=stride, padding="valid")
        return found.op(name, "relu", [f"{name}_pre_relu"], found.channels(f"{name}_pre_relu"))

    x = conv(INPUT, "far", 3, 64, around=4)
    # As matconvnet's networks do with even kernels.
    x = conv(conv(x, "even1", 4, 64, around=2), "even2", 2, 64, around=1)
    x = found.op("pool", "max_pool", [x], found.channels(x), kernel=2, stride=2, padding="valid")
    sides = [conv(x, "wide", 5, 64, around=2), conv(x, "narrow", 1, 64, around=0)]
    x = found.op("sum", "add", sides, found.channels(sides[0]))
    conv(x, "deep", 4, 96, around=3, stride=2)
    return network_of(found, "overpadded", objective="deep")


def inception_v3(width: float = 1.0, seed: int = 0) -> Network:
    """Inception v3 without its dense layer, by way of Keras and the importer."""
    import keras

    from worker.networks.from_keras import from_keras

    keras.backend.clear_session()
    found = from_keras(keras.applications.InceptionV3(weights=None, include_top=False), "signed")
    channels = {INPUT: 3}
    for op in found.ops:
        name, before = op["name"], [channels[source] for source in op["inputs"]]
        if op["kind"] == "conv":
            *sides, _, outputs = found.weights[f"{name}/kernel"].shape
            op["channels"] = _scaled(outputs, width)
            drawn = drawn_weights(name, (*sides, *before, op["channels"]), seed)
            found.weights[f"{name}/kernel"], found.weights[f"{name}/bias"] = drawn
        else:
            op["channels"] = sum(before)
        channels[name] = op["channels"]
    return network_of(found, "inception_v3", objective="mixed4")


def inception5h_graph(width: float = 1.0, seed: int = 0) -> Any:
    """The TensorFlow graph of inception5h as published: the same nodes in the same order, all three heads included."""
    import tensorflow as tf

    constants: dict[str, tuple[Any, Any]] = {}

    def weigh(name: str, shape: tuple[int, ...]) -> None:
        kernel, bias = drawn_weights(name, shape, seed)
        constants[name] = tf.constant(kernel, name=f"{name}_w"), tf.constant(bias, name=f"{name}_b")

    def conv(x: Any, name: str, _side: int, _channels: int, stride: int = 1) -> Any:
        kernel, bias = constants[name]
        y = tf.nn.conv2d(x, kernel, stride, "SAME", name=f"{name}_pre_relu/conv")
        return tf.nn.relu(tf.nn.bias_add(y, bias, name=f"{name}_pre_relu"), name=name)

    def pool(x: Any, name: str, stride: int) -> Any:
        return tf.nn.max_pool2d(x, 3, stride, "SAME", name=name)

    def lrn(x: Any, name: str) -> Any:
        return tf.nn.local_response_normalization(x, *LRN, name=name)

    def concat(values: list[Any], name: str) -> Any:
        axis = tf.constant(3, name=f"{name}/concat_dim")
        modules[name] = tf.raw_ops.Concat(concat_dim=axis, values=values, name=name)
        return modules[name]

    def flat(x: Any, name: str, length: int) -> Any:
        shape = tf.constant([-1, length], name=f"{name}/reshape/shape")
        return tf.reshape(x, shape, name=f"{name}/reshape")

    def dense(x: Any, name: str, node: str) -> Any:
        kernel, bias = constants[name]
        return tf.nn.bias_add(tf.linalg.matmul(x, kernel, name=f"{node}/matmul"), bias, name=node)

    def head(number: int, module: str) -> Any:
        x = tf.nn.avg_pool2d(modules[module], 5, 3, "VALID", name=f"head{number}_pool")
        x = conv(x, f"head{number}_bottleneck", 1, bottleneck)
        x = dense(flat(x, f"head{number}_bottleneck", 16 * bottleneck), f"nn{number}", f"nn{number}_pre_relu")
        x = flat(tf.nn.relu(x, name=f"nn{number}"), f"nn{number}", hidden)
        return tf.nn.softmax(dense(x, f"softmax{number}", f"softmax{number}_pre_activation"), name=f"softmax{number}")

    modules: dict[str, Any] = {}
    bottleneck, hidden = _scaled(128, width), _scaled(1024, width)
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input")
        widths = _weights_in_order(width, weigh)
        for number, module in enumerate(("mixed4a", "mixed4d")):
            weigh(f"head{number}_bottleneck", (1, 1, widths[module], bottleneck))
            weigh(f"nn{number}", (16 * bottleneck, hidden))
            weigh(f"softmax{number}", (hidden, CLASSES))
        weigh("softmax2", (widths["mixed5b"], CLASSES))
        x = tf.nn.avg_pool2d(_inception(x, width, conv, pool, lrn, concat), 7, 1, "VALID", name="avgpool0")
        ends = [head(0, "mixed4a"), head(1, "mixed4d")]
        x = dense(flat(x, "avgpool0", widths["mixed5b"]), "softmax2", "softmax2_pre_activation")
        ends.append(tf.nn.softmax(x, name="softmax2"))
        for end, name in zip(ends, ("output", "output1", "output2"), strict=True):
            tf.identity(end, name=name)
    return graph


def write_inception5h(file: Path, width: float = 1.0, seed: int = 0) -> None:
    """Writes `tensorflow_inception_graph.pb`."""
    file.write_bytes(inception5h_graph(width, seed).as_graph_def().SerializeToString())


def label_strings() -> list[str]:
    """As many lines as `imagenet_comp_graph_label_strings.txt` has, and as peculiar: a dummy, and two cranes."""
    return ["dummy", *("crane" if i in (135, 518) else f"thing {i}" for i in range(1, 1001))]


def write_inception5h_zip(file: Path, width: float = 1.0, seed: int = 0) -> None:
    """Writes `inception5h.zip`: the graph, its labels, its licence."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("imagenet_comp_graph_label_strings.txt", "\n".join(label_strings()) + "\n")
        archive.writestr("LICENSE", "Apache License, Version 2.0\n")
        graph = inception5h_graph(width, seed).as_graph_def().SerializeToString()
        archive.writestr("tensorflow_inception_graph.pb", graph)


def keras_model(function: str, *, top: bool = False, seed: int = 0) -> Any:
    """A network of keras.applications ("VGG19", "InceptionV3" …) with weights drawn by its layers' names."""
    import keras

    keras.backend.clear_session()
    model = getattr(keras.applications, function)(weights=None, include_top=top)
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.weights]
        if type(layer).__name__ == "BatchNormalization":
            rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
            # Gamma where there is one, beta, mean and variance: near those that change nothing.
            centres = [1.0, 0.0, 0.0, 1.0][-len(shapes) :]
            layer.set_weights([c + rng.uniform(-0.1, 0.1, s) for c, s in zip(centres, shapes, strict=True)])
        elif shapes:
            layer.set_weights(drawn_weights(layer.name, shapes[0], seed)[: len(shapes)])
    return model


def write_h5(model: Any, file: Path) -> None:
    """Writes a model's weights in the format of 2016 that keras.applications publishes them in."""
    import h5py

    with h5py.File(file, "w") as h5:
        h5.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        h5.attrs["backend"], h5.attrs["keras_version"] = b"tensorflow", b"2.1.2"
        for layer in model.layers:
            group = h5.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=values)


def write_mat(file: Path, *, beta16: bool = False, width: float = 1.0, top: bool = False, seed: int = 0) -> None:
    """Writes `imagenet-vgg-verydeep-19.mat`, as it is now or as it was in `beta16`; `top` with its dense layers."""
    import scipy.io

    order = ("weights", "pad", "type", "name", "stride")
    if not beta16:
        order = ("name", "type", "weights", "pad", "stride")
    layers = np.empty((1, 0), object)
    for kind, name, shape in _matconvnet_layers(width, top):
        fields: dict[str, Any] = {"type": kind, "name": name}
        if kind == "conv":
            kernel, bias = drawn_weights(name, shape, seed)
            fields |= {"weights": _cell(kernel, bias[None]), "stride": np.ones((1, 2))}
            fields["pad"] = np.full((1, 4), 0 if name.startswith("fc") else 1, np.float64)
        elif kind == "pool":
            fields |= {"method": "max", "pool": np.full((1, 2), 2.0), "stride": np.full((1, 2), 2.0)}
            fields["pad"] = np.zeros((1, 4))
        sequence = {key: fields[key] for key in (*order, "method", "pool") if key in fields}
        layers = np.append(layers, _cell(sequence), axis=1)
    average = np.broadcast_to(np.array([123.68, 116.779, 103.939], np.float32), (224, 224, 3))
    normalization = {"averageImage": average, "imageSize": np.array([[224.0, 224.0, 3.0]])}
    meta = {"normalization": normalization} if beta16 else {"meta": {"normalization": normalization}}
    scipy.io.savemat(file, {"layers": layers} | meta, do_compression=beta16)


def _inception(
    x: Any,
    width: float,
    conv: Callable[..., Any],
    pool: Callable[..., Any],
    lrn: Callable[..., Any],
    concat: Callable[..., Any],
) -> Any:
    """inception5h up to mixed5b, in whatever terms the four functions make it."""
    x = pool(conv(x, "conv2d0", 7, _scaled(64, width), 2), "maxpool0", 2)
    x = conv(lrn(x, "localresponsenorm0"), "conv2d1", 1, _scaled(64, width))
    x = lrn(conv(x, "conv2d2", 3, _scaled(192, width)), "localresponsenorm1")
    for module, channels in MODULES.items():
        one, three_before, three, five_before, five, reduced = (_scaled(c, width) for c in channels)
        if module in POOLS:
            x = pool(x, POOLS[module], 2)
        branches = [conv(x, f"{module}_1x1", 1, one)]
        branches.append(conv(conv(x, f"{module}_3x3_bottleneck", 1, three_before), f"{module}_3x3", 3, three))
        branches.append(conv(conv(x, f"{module}_5x5_bottleneck", 1, five_before), f"{module}_5x5", 5, five))
        branches.append(conv(pool(x, f"{module}_pool", 1), f"{module}_pool_reduce", 1, reduced))
        x = concat(branches, module)
    return x


def _weights_in_order(width: float, weigh: Callable[[str, tuple[int, ...]], None]) -> dict[str, int]:
    """Calls `weigh` with name and kernel's shape of each convolution up to mixed5b; the modules' channels."""
    widths = {"input": 3}

    def conv(source: str, name: str, side: int, channels: int, _stride: int = 1) -> str:
        weigh(name, (side, side, widths[source], channels))
        widths[name] = channels
        return name

    def concat(sources: list[str], name: str) -> str:
        widths[name] = sum(widths[source] for source in sources)
        return name

    _inception("input", width, conv, lambda x, *_: x, lambda x, *_: x, concat)
    return widths


def _matconvnet_layers(width: float, top: bool) -> list[tuple[str, str, tuple[int, ...]]]:
    """Kind, name and, of convolutions, the kernel's shape (h, w, in, out) of matconvnet's VGG19."""
    layers: list[tuple[str, str, tuple[int, ...]]] = []
    before = 3
    for block, (channels, depth) in enumerate(BLOCKS, start=1):
        channels = _scaled(channels, width)
        for i in range(1, depth + 1):
            layers.append(("conv", f"conv{block}_{i}", (3, 3, before, channels)))
            layers.append(("relu", f"relu{block}_{i}", ()))
            before = channels
        layers.append(("pool", f"pool{block}", ()))
    if top:
        hidden = _scaled(4096, width)
        layers += [("conv", "fc6", (7, 7, before, hidden)), ("relu", "relu6", ())]
        layers += [("conv", "fc7", (1, 1, hidden, hidden)), ("relu", "relu7", ())]
        layers += [("conv", "fc8", (1, 1, hidden, 1000)), ("softmax", "prob", ())]
    return layers


def _cell(*values: Any) -> NDArray[Any]:
    """A cell array of one row."""
    cell = np.empty((1, len(values)), object)
    for i, value in enumerate(values):
        cell[0, i] = value
    return cell


def _scaled(channels: int, width: float) -> int:
    return max(round(channels * width), 1)


def network_of(found: Collection, name: str, objective: str) -> Network:
    """What an importer found, as a network."""
    facts = {"name": name, "summary": "random weights", "licence": "none", "digest": "0" * 64, "objective": objective}
    card = describe(topology_of(found) | facts)
    weights = {key: np.ascontiguousarray(value, np.float32) for key, value in found.weights.items()}
    return Network(Graph.from_json(found.ops), card, weights, card.digest, card.mean, card.scale)
