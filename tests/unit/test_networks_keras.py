"""Keras models: computed as Keras computes them, whatever they are made of, and left out by name where that is unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L  # noqa: N812 - as everyone calls it

from shared.cards import Card, card, cards
from shared.plan import plan
from shared.specs import SPEC
from shared.tiles import cut, reach_of
from tests import topologies
from tests.reference.pictures import drawn
from worker.networks import NoClasses, classify, load
from worker.networks.adding import add
from worker.networks.collect import BadModel
from worker.render import begin
from worker.render.gradients import Engine, program
from worker.render.objectives import Statistic, WeightedSum
from worker.render.tiles import Canvas

ASSET = "sha256:" + "0" * 64

# Keras 3.15 saves its variables in a way that NumPy 2 is going to refuse.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def unsettled(model: Any) -> Any:
    """The model, its normalisations and biases trained: away from zeros and ones."""
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if hasattr(layer, "layers"):
            unsettled(layer)
        elif isinstance(layer, L.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    return model


def register(model: Any, folder: Path, **options: Any) -> tuple[Card, list[str]]:
    file = folder.parent / "mine.keras"
    model.save(file)
    return add("mine", file, folder=folder, **options)


def activations(model: Any, names: list[str], picture: Any) -> list[Any]:
    found: list[Any] = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])(
        picture, training=False
    )
    return found


def assert_computed_alike(model: Any, folder: Path, height: int, width: int, **options: Any) -> Card:
    """Registers a model and compares its results behind activations, sums and concatenations, and its classes."""
    described, notes = register(model, folder, **options)
    assert notes == []
    network, picture = load("mine", folder=folder), drawn(height, width)
    known = {layer.name for layer in model.layers}
    kinds = ("relu", "activation", "concat", "add")
    names = [layer.name for layer in described.layers if layer.kind in kinds and layer.name in known]
    found = network.activations(tf.constant(picture[None]), names)
    for name, values in zip(names, activations(model, [*names, names[-1]], picture[None]), strict=False):
        assert np.abs(found[name] - values).max() <= 2e-4 * np.abs(values).max() + 1e-6, name
    probabilities = np.ravel(model(picture[None], training=False))
    told = classify(network, picture, top=len(probabilities))
    assert np.allclose(sorted(p for _, p in told), sorted(probabilities), atol=1e-5)
    return described


def inception() -> Any:
    x = inputs = keras.Input((None, None, 3))
    x = L.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = L.Conv2D(8, 3, strides=2, use_bias=False, name="first")(x)
    x = L.Activation("relu", name="first_relu")(L.BatchNormalization(name="first_norm")(x))
    wide = L.Conv2D(6, (1, 7), padding="same", activation="relu", name="wide")(x)
    tall = L.Conv2D(6, (7, 1), padding="same", name="tall")(L.AveragePooling2D(3, 1, padding="same")(x))
    x = L.Add(name="sum")([L.Concatenate(name="both")([wide, L.ReLU(name="tall_relu")(tall)]), L.Conv2D(12, 1)(x)])
    x = L.MaxPooling2D(2, name="pool")(x)
    x = L.Dense(4, activation="softmax", name="classes")(L.GlobalAveragePooling2D(name="average")(x))
    return keras.Model(inputs, x)


def residual() -> Any:
    """As ResNet: padding by itself, normalisation behind and before convolutions, sums, one of them used twice."""
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(8, 7, strides=2)(L.ZeroPadding2D(3)(L.RandomFlip()(x)))
    x = L.ReLU(name="stem")(L.BatchNormalization()(x))
    x = L.MaxPooling2D(3, 2)(L.ZeroPadding2D(1)(x))
    for i in range(2):
        before = L.BatchNormalization(scale=False)(x)
        y = L.Conv2D(8, 3, padding="same", activation="elu", name=f"a{i}")(L.ReLU(name=f"before{i}")(before))
        y = L.Dropout(0.5)(L.Conv2D(8, 3, padding="same")(y))
        x = L.Add(name=f"sum{i}")([x, y, L.LeakyReLU(negative_slope=0.1, name=f"leaky{i}")(y)])
    x = L.BatchNormalization()(L.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, L.Softmax()(L.Dense(5)(x)))


def mobile() -> Any:
    """As MobileNet: padding on two sides, depthwise convolutions, ReLU6, a convolution behind the average."""
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(8, 3, strides=2, use_bias=False)(L.ZeroPadding2D(((0, 1), (0, 1)))(x))
    x = L.ReLU(6.0, name="stem")(L.BatchNormalization()(x))
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = L.Activation("relu6", name="deep")(L.BatchNormalization()(x))
    x = L.SeparableConv2D(12, 3, strides=2, padding="same", activation="hard_silu", name="separable")(x)
    x = L.Conv2D(6, 1)(L.Dropout(0.1)(L.GlobalAveragePooling2D(keepdims=True)(x)))
    return keras.Model(inputs, L.Activation("softmax")(L.Reshape((6,))(x)))


def transferred() -> Any:
    """A trained base inside of a new model, behind a layer that measures the pictures, with flattened cells."""
    x = inputs = keras.Input((None, None, 3))
    x = L.Activation("swish")(L.Conv2D(8, 3, strides=2, padding="same", name="conv")(x))
    base = keras.Model(inputs, L.Conv2D(8, 3, strides=2, padding="same", activation="gelu", name="last")(x))
    normalise = L.Normalization(mean=[100.0, 110.0, 120.0], variance=[900.0, 1600.0, 2500.0])
    head = [L.Flatten(), L.Dense(16, activation="relu", name="hidden"), L.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((32, 32, 3)), normalise, base, L.Conv2D(4, 1, name="conv"), *head])


def normalised_inside() -> Any:
    """A convolution's results are taken by a model that normalises them, and by a sum beside it."""
    x = inputs = keras.Input((None, None, 3))
    block = keras.Sequential([keras.Input((None, None, 4)), L.BatchNormalization(), L.ReLU()])
    x = L.Conv2D(4, 3, padding="same")(x)
    return _ended(inputs, L.Add(name="sum")([x, block(x)]))


def normalised_behind_dropout() -> Any:
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(4, 3, padding="same")(x)
    return _ended(inputs, L.Add(name="sum")([x, L.ReLU()(L.BatchNormalization()(L.Dropout(0.5)(x)))]))


def output_taken_inside() -> Any:
    """A model inside gives what it normalises, too."""
    x = inputs = keras.Input((None, None, 3))
    inside = keras.Input((None, None, 3))
    before = L.Conv2D(4, 3, padding="same")(inside)
    block = keras.Model(inside, [before, L.ReLU()(L.BatchNormalization()(before))])
    return _ended(inputs, L.Add(name="sum")(block(x)))


def rescaled_inside() -> Any:
    """One convolution sees the picture through a model that rescales it, another as it is."""
    x = inputs = keras.Input((None, None, 3))
    smaller = keras.Sequential([keras.Input((None, None, 3)), L.Rescaling(1 / 255)])
    x = L.Add(name="sum")([L.Conv2D(4, 3, name="small")(smaller(x)), L.Conv2D(4, 3, name="large")(x)])
    return _ended(inputs, L.ReLU(name="relu")(x))


def normalised_classes() -> Any:
    x = inputs = keras.Input((None, None, 3))
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, activation="relu", name="relu")(x))
    return keras.Model(inputs, L.Softmax()(L.BatchNormalization()(L.Dense(3)(x))))


def _ended(inputs: Any, x: Any) -> Any:
    x = L.Dense(3, activation="softmax")(L.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x)


BUILT = [
    inception, residual, mobile, transferred, normalised_inside, normalised_behind_dropout, output_taken_inside,
    rescaled_inside, normalised_classes,
]  # fmt: skip


@pytest.mark.parametrize("build", BUILT)
def test_models_are_computed_as_keras_computes_them(networks: Path, build: Callable[[], Any]) -> None:
    keras.utils.set_random_seed(1)
    described = assert_computed_alike(unsettled(build()), networks, 32, 32)
    assert described.find_layer(described.objective).min_size <= described.min_size == 32


@pytest.mark.parametrize(("build", "layer"), [(residual, "sum1"), (mobile, "separable")])
def test_padding_and_depthwise_convolutions_are_tiled_exactly(
    networks: Path, build: Callable[[], Any], layer: str
) -> None:
    described, _ = register(unsettled(build()), networks, preprocessing="signed")
    reach = reach_of([described.find_layer(layer)])
    tile = reach.smallest_tile
    height, width = 2 * tile + 3 * reach.stride, 2 * tile + 2 * reach.stride
    tiled = Canvas(cut(height, tile, reach), cut(width, tile, reach))
    whole = Canvas(cut(height, height, reach), cut(width, height, reach))
    assert (len(tiled.tiles) > 8, len(whole.tiles)) == (True, 1)
    compiled = program(load("mine", folder=networks), WeightedSum((Statistic(layer, "squares"),)))
    (score, gradient), (expected_score, expected) = (
        Engine(compiled, canvas).gradient(drawn(height, width), [1.0], [None], lambda: None)
        for canvas in (tiled, whole)
    )
    assert score == pytest.approx(expected_score, rel=1e-5)
    assert np.abs(gradient - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("preprocessing", ["caffe", "torch", "imagenet"])
def test_pictures_come_as_the_network_wants_them(networks: Path, preprocessing: Any) -> None:
    """Padding and depthwise convolutions see the picture, too, before the colours' order is settled."""
    x = inputs = keras.Input((None, None, 3))
    x = L.DepthwiseConv2D(3, padding="same")(L.ZeroPadding2D(2)(x))
    x = L.MaxPooling2D(2)(L.BatchNormalization()(x))
    model = unsettled(keras.Model(inputs, L.Conv2D(4, 3, activation="relu", name="end")(x)))
    register(model, networks, preprocessing=preprocessing)
    picture = drawn(32, 36)[None]
    if preprocessing == "imagenet":
        wanted = picture - np.array([123.68, 116.779, 103.939], np.float32)
    else:
        wanted = keras.applications.imagenet_utils.preprocess_input(picture.copy(), mode=preprocessing)
    found = load("mine", folder=networks).activations(tf.constant(picture), ["end"])["end"]
    (expected, _) = activations(model, ["end", "end"], wanted)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


ACTIVATIONS = """
    elu selu gelu silu swish mish hard_silu hard_swish hard_sigmoid sigmoid tanh softplus softsign exponential relu6
    leaky_relu
"""


@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activations_are_keras(networks: Path, name: str) -> None:
    x = inputs = keras.Input((None, None, 3))
    x = L.Activation(name, name="end")(L.Conv2D(4, 3, name="conv")(x))
    model = keras.Model(inputs, x)
    described, _ = register(model, networks, preprocessing="signed")
    assert described.find_layer("end").kind == "activation"
    picture = drawn(16, 16)[None]
    found = load("mine", folder=networks).activations(tf.constant(picture), ["end"])["end"]
    assert np.allclose(found, activations(model, ["end", "end"], picture / 127.5 - 1)[0], atol=1e-5)


def test_classes_behind_flattened_cells_are_told_from_the_intended_size_on(networks: Path) -> None:
    described, _ = register(transferred(), networks)
    assert described.logits is not None
    assert described.find_layer(described.logits).min_size == 29
    with pytest.raises(NoClasses, match="from 29 pixels"):
        classify(load("mine", folder=networks), drawn(28, 40))


def test_classes_without_their_last_layer_are_not_told(networks: Path) -> None:
    x = inputs = keras.Input((None, None, 3))
    register(keras.Model(inputs, L.Conv2D(4, 3)(x)), networks)
    with pytest.raises(NoClasses, match="mine has no classes"):
        classify(load("mine", folder=networks), drawn(32, 32))


def test_hidden_layers_behind_an_average_are_told_to_differ(networks: Path) -> None:
    x = inputs = keras.Input((None, None, 3))
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(x))
    model = keras.Model(inputs, L.Dense(3, activation="softmax")(L.Dense(8, activation="relu", name="hidden")(x)))
    described, notes = register(model, networks)
    assert notes == [
        "classes are judged at each place of a picture, and 'hidden' comes behind an average over it: they differ a "
        "little from the model's own"
    ]
    assert described.find_layer(str(described.logits)).channels == 3


def test_a_single_class_is_told_as_two(networks: Path) -> None:
    x = inputs = keras.Input((None, None, 3))
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(x))
    model = unsettled(keras.Model(inputs, L.Dense(1, activation="sigmoid", name="is_cat")(x)))
    described, notes = register(model, networks, preprocessing="unit")
    assert notes == []
    assert str(described.logits).startswith("is_cat")
    picture = drawn(32, 32)
    told = dict(classify(load("mine", folder=networks), picture))
    assert told["1"] == pytest.approx(float(model(picture[None] / 255)[0, 0]), abs=1e-5)
    assert told["0"] == pytest.approx(1 - told["1"])


def test_dense_layers_that_make_no_classes_are_no_classes(networks: Path) -> None:
    """As in squeeze and excitation, where channels are weighed by what the whole picture says."""
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(4, 3, activation="relu", name="kept")(x)
    squeezed = L.Conv2D(2, 1, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(x))
    x = L.Multiply(name="excite")([x, L.Conv2D(4, 1, activation="sigmoid")(squeezed)])
    model = keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))
    described, notes = register(model, networks)
    assert notes == ["layers behind 'excite' (Multiply) are left out"]
    assert described.logits is None
    assert described.layers[-1].name == "kept"


UNKNOWN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "Conv2DTranspose": (L.Conv2DTranspose(4, 3, name="odd"), "'odd' (Conv2DTranspose)"),
    "dilation": (L.Conv2D(4, 3, dilation_rate=2, name="odd"), "'odd' (Conv2D, dilation_rate (2, 2))"),
    "groups": (L.Conv2D(4, 3, groups=2, name="odd"), "'odd' (Conv2D, groups 2)"),
    "global": (L.GlobalMaxPooling2D(name="odd"), "'odd' (GlobalMaxPooling2D)"),
    "product": (lambda x: L.Multiply(name="odd")([x, x]), "'odd' (Multiply)"),
    "padding": (L.ZeroPadding2D(((1, 1), (2, 2)), name="odd"), "'odd' (ZeroPadding2D)"),
    "activation": (L.Activation("log_sigmoid", name="odd"), "'odd' (Activation, activation log_sigmoid)"),
}


@pytest.mark.parametrize(("odd", "said"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_dreamt_on_is_left_out_by_name(networks: Path, odd: Callable[[Any], Any], said: str) -> None:
    x = inputs = keras.Input((None, None, 3))
    x = odd(L.Conv2D(4, 3, activation="relu", name="kept")(x))
    described, notes = register(keras.Model(inputs, L.Flatten()(x) if len(x.shape) == 2 else L.ReLU()(x)), networks)
    assert notes == [f"layers behind {said} are left out"]
    assert described.layers[-1].name == "kept"


def test_a_registered_network_dreams(networks: Path) -> None:
    register(inception(), networks)
    assert [c.name for c in cards()] == ["mine", "motifnet"]
    fields = {"kind": "dream", "input": ASSET, "model": "mine", "objective": [{"layer": "both"}], "iterations": 2}
    spec = SPEC.validate_python(fields | {"octaves": {"count": 2}, "tiling": {"tile": 64}})
    planned = plan(spec, card=card("mine"), width=100, height=90)
    picture = drawn(90, 100)
    rendering = begin(spec, planned, load("mine", folder=networks), {"input": picture})
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    assert np.abs(rendering.finish() - picture).mean() > 0.5


def test_layers_of_one_channel_take_styles_where_masks_say(networks: Path) -> None:
    keras.utils.set_random_seed(0)
    first, second = L.Conv2D(1, 3, activation="tanh", name="one"), L.Conv2D(4, 3, activation="tanh", name="four")
    register(keras.Sequential([keras.Input((None, None, 3)), first, second]), networks, preprocessing="unit")
    layers = {"content_layers": [{"layer": "four"}], "style_layers": [{"layer": "one"}]}
    style = {"kind": "style", "content": ASSET, "model": "mine", "octaves": {"count": 1}, "iterations": 3} | layers
    spec = SPEC.validate_python(style | {"styles": [{"asset": ASSET, "mask": ASSET}]})
    planned = plan(spec, card=card("mine"), width=48, height=40)
    mask = np.zeros((40, 48, 3), np.uint8)
    mask[:, :24] = 255
    pictures = {"content": drawn(40, 48), "styles.0.asset": drawn(40, 40, 1), "styles.0.mask": mask}
    rendering = begin(spec, planned, load("mine", folder=networks), pictures)
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    changed = np.abs(rendering.finish() - pictures["content"]).max(axis=(0, 2))
    assert changed[:24].min() > 1
    assert changed[24:].max() < 1e-3


def test_a_network_is_tried_as_it_is_rendered(networks: Path) -> None:
    """Given convolutions in whose gradients by weights, which nobody needs, TensorFlow crashes, they are registered."""
    keras.utils.set_random_seed(0)
    strides = L.Conv2D(5, 1, strides=3, padding="same"), L.Conv2D(2, 2, strides=2, padding="same", name="last")
    model = keras.Sequential([keras.Input((None, None, 3)), strides[0], L.Conv2D(3, 5), strides[1]])
    for _ in range(5):
        assert "last" in register(model, networks)[0].by_name


def test_layers_before_the_first_convolution_can_be_planned_and_are_no_default(networks: Path) -> None:
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(4, 3, padding="same", name="last")(L.ReLU(name="first")(x))
    described, _ = register(keras.Model(inputs, x), networks)
    assert described.objective == "last"
    assert described.find_layer("first").macs_per_pixel == 0
    spec = SPEC.validate_python({"kind": "dream", "model": "mine", "objective": [{"layer": "first"}]})
    assert plan(spec, card=described, width=5000, height=100).octaves[-1].tiles > 1


def test_a_model_of_grey_pictures_sees_their_luminance(networks: Path) -> None:
    sequence = [L.Conv2D(4, 3, activation="relu", name="strokes"), L.MaxPooling2D(), L.Flatten(), L.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *sequence])
    described, notes = register(model, networks, preprocessing="unit")
    assert notes == []
    picture = drawn(28, 28)
    grey = (picture @ np.array([0.299, 0.587, 0.114], np.float32))[None, ..., None] / 255
    found = load("mine", folder=networks).activations(tf.constant(picture[None]), ["strokes", str(described.logits)])
    assert np.allclose(found["strokes"], activations(model, ["strokes", "strokes"], grey)[0], atol=1e-5)
    assert np.allclose(np.ravel(found[str(described.logits)]), np.ravel(model(grey)), atol=1e-5)


def test_all_pools_can_be_made_average_pools(networks: Path) -> None:
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(4, 1, name="conv")(L.MaxPooling2D(2)(x))
    register(keras.Model(inputs, x), networks, pooling="average")
    network, picture = load("mine", folder=networks), drawn(32, 32)
    halved = picture.reshape(16, 2, 16, 2, 3).mean((1, 3))
    expected = halved @ network.weights["conv/kernel"][0, 0]
    assert np.abs(network.activations(tf.constant(picture[None]), ["conv"])["conv"] - expected).max() < 1e-2


def test_weights_without_layers_are_explained(networks: Path, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(2, 3)])
    topologies.write_h5(model, tmp_path / "weights.h5")
    with pytest.raises(BadModel, match="holds weights without layers: save the whole model"):
        add("mine", tmp_path / "weights.h5", folder=networks)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving")
def test_code_in_a_model_is_never_run(
    networks: Path, tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    x = inputs = keras.Input((8, 8, 3))
    x = L.Lambda(lambda v: v * (1 + 0 * len(str(print("ran")))))(L.Conv2D(2, 3)(x))
    keras.Model(inputs, x).save(tmp_path / f"mine{suffix}")
    capfd.readouterr()
    with pytest.raises(BadModel, match=r"cannot be read as a Keras model: .*[Ll]ambda"):
        add("mine", tmp_path / f"mine{suffix}", folder=networks)
    assert "ran" not in capfd.readouterr().out


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: keras.Sequential([keras.Input((8, 8, 4)), L.Conv2D(2, 3)]), r"the model takes \(None, 8, 8, 4\)"),
        (lambda: keras.Sequential([keras.Input((8,)), L.Dense(2)]), r"the model takes \(None, 8\); expected one pict"),
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), L.ReLU()]), "has no convolution that can be dreamt on"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 3)), L.ReLU(), L.Flatten(), L.Dense(2)]),
            "has no convolution that can be dreamt on",
        ),
        (lambda: keras.Sequential([L.Conv2D(2, 3)]), "does not tell how its layers are connected"),
    ],
    ids=["colours", "no picture", "no convolution", "dense layers only", "unbuilt"],
)
def test_models_that_are_not_for_pictures_are_refused(networks: Path, model: Callable[[], Any], message: str) -> None:
    with pytest.raises(BadModel, match=message):
        register(model(), networks)
