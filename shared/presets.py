"""Presets: named recipes, each a partial specification that a job's own fields are laid over.

The recipes and their sources are described in README.md; the numbers here are theirs unless a comment says otherwise.
A preset's layers depend on the network: `layers` maps a model's name to the fields that differ for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named recipe."""

    name: str
    #: One line for people who choose.
    summary: str
    #: Fields of the specification that the preset sets for every model.
    fields: Mapping[str, Any]
    #: Further fields by model.
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def fill_in(preset: Preset, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` laid over the preset's fields; objects are merged key by key, lists and scalars replaced."""
    model = str(data.get("model", "motifnet"))
    return _merge(_merge(preset.fields, preset.models.get(model, {})), data)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _presets(*presets: Preset) -> dict[str, Preset]:
    return {preset.name: preset for preset in presets}


#: Of `decorrelate`: enough to take the rainbows away, and little enough to leave motifs the colours that tell them.
_NATURAL = 0.3
#: Of gradients on their way out of noise, which is specks otherwise.
_SOFT = {"blur": 1.0, "decorrelate": _NATURAL}
#: Every spatial frequency equally strong, down to the ground colour, but for the finest ones (specks), in natural colours.
OUT_OF_NOISE = {"normalise": "laplacian", "levels": 6, "blur": 0.7, "decorrelate": 0.4}
# motifnet's numbers were chosen by eye, on the bundled pictures and on photographs. Its dreams are shifted about, so that
# the grid of its strides does not show.
_WHOLE_LAYER: dict[str, dict[str, Any]] = {
    "motifnet": {
        "objective": [{"layer": "mixed4b"}, {"layer": "mixed4c"}],
        "iterations": 12,
        "step": 2.0,
        "gradient": {"decorrelate": _NATURAL},
        "jitter": 16,
    },
    "inception5h": {"objective": [{"layer": "mixed4c"}]},
    "inception_v3": {"objective": [{"layer": "mixed4"}]},
    "vgg16": {"objective": [{"layer": "block4_conv3"}]},
    "vgg19": {"objective": [{"layer": "block4_conv3"}]},
    "vgg19_matconvnet": {"objective": [{"layer": "relu4_3"}]},
}
_SEVERAL_LAYERS: dict[str, dict[str, Any]] = {
    "motifnet": {
        "objective": [
            {"layer": layer, "weight": weight, "border": 2}
            for layer, weight in (("mixed3b", 1.0), ("mixed4a", 1.5), ("mixed4c", 2.0), ("mixed5a", 2.5))
        ],
        "iterations": 24,
        "jitter": 16,
    },
    "inception_v3": {
        "objective": [
            {"layer": layer, "weight": weight, "border": 2}
            for layer, weight in (("mixed4", 1.0), ("mixed5", 1.5), ("mixed6", 2.0), ("mixed7", 2.5))
        ],
        "max_score": 15.0,
    },
}
_DEEP_LAYER: dict[str, dict[str, Any]] = {
    "motifnet": {"objective": [{"layer": "mixed4d", "border": 2}], "jitter": 16},
    # The recipe's activation_41: Keras counted from 1 then.
    "inception_v3": {"objective": [{"layer": "activation_40", "border": 2}], "max_score": 20.0},
}
_PREDATOR = {"layer": "mixed4d_3x3_bottleneck_pre_relu", "channel": 139, "statistic": "mean"}


def _one_channel(motif: str, **motifnet: Any) -> dict[str, dict[str, Any]]:
    """The recipe on inception5h; for motifnet a motif, and what makes it colourful."""
    return {
        "motifnet": {"objective": _motifs(motif), **motifnet},
        "inception5h": {"objective": [_PREDATOR]},
    }


def _look(
    name: str,
    summary: str,
    objective: list[dict[str, Any]],
    normalise: str = "laplacian",
    decorrelate: float = _NATURAL,
    **fields: Any,
) -> Preset:
    """A look of motifnet: several motifs at once, every spatial frequency equally strong, so that they have colour."""
    look = {
        "octaves": {"count": 4, "scale": 1.4},
        "iterations": 14,
        "step": 1.5,
        "gradient": {"normalise": normalise, "levels": 5, "decorrelate": decorrelate},
        # Shifting the picture keeps its border from staying empty.
        "jitter": 24,
        "detail": "before",
    }
    return Preset(name=name, summary=summary, fields=look | fields, models={"motifnet": {"objective": objective}})


def _channels(layer: str, *channels: int | str) -> list[dict[str, Any]]:
    return [{"layer": layer, "channel": channel, "statistic": "mean"} for channel in channels]


def _motifs(*names: str) -> list[dict[str, Any]]:
    return _channels("logits", *names)


DREAM_PRESETS = _presets(
    Preset(
        name="deepdream",
        summary="Dreams a whole layer into a picture, coarse to fine, keeping the picture's detail",
        fields={
            "octaves": {"count": 4, "scale": 1.4},
            "iterations": 10,
            "step": 1.5,
            "gradient": {"normalise": "mean_abs"},
            "detail": "before",
        },
        models=_WHOLE_LAYER,
    ),
    Preset(
        name="naive",
        summary="One channel out of grey noise, at one scale: the simplest dream there is",
        fields={
            "octaves": {"count": 1, "scale": 1.4},
            "iterations": 20,
            "step": 1.0,
            "gradient": {"normalise": "std"},
            "detail": "none",
            "size": {"long_edge": 224},
        },
        models=_one_channel("sunflower", iterations=60, step=3.0, jitter=16, gradient=_SOFT),
    ),
    Preset(
        name="multiscale",
        summary="Grows one channel out of noise (or a picture), enlarging it between octaves",
        fields={
            "octaves": {"count": 3, "scale": 1.4},
            "iterations": 10,
            "step": 1.0,
            "gradient": {"normalise": "std"},
            "detail": "none",
        },
        models=_one_channel("peacock", octaves={"count": 4}, iterations=20, step=3.0, jitter=24, gradient=_SOFT),
    ),
    Preset(
        name="lapnorm",
        summary="As multiscale, with all spatial frequencies of the gradient made equally strong: soft and rich",
        fields={
            "octaves": {"count": 3, "scale": 1.4},
            "iterations": 10,
            "step": 1.0,
            "gradient": {"normalise": "laplacian", "levels": 4},
            "detail": "none",
        },
        models=_one_channel(
            "eye",
            octaves={"count": 4},
            iterations=20,
            step=2.0,
            jitter=24,
            gradient=OUT_OF_NOISE,
        ),
    ),
    Preset(
        name="layers",
        summary="Several layers at once, each with its weight: many scales of detail",
        fields={
            "octaves": {"count": 3, "scale": 1.4},
            "iterations": 80,
            # The recipe's 0.01 for pictures in −1 to 1.
            "step": 1.275,
            "gradient": {"normalise": "std"},
            "clip": True,
            "detail": "after",
        },
        models=_SEVERAL_LAYERS,
    ),
    Preset(
        name="stimulate",
        summary="One deep layer, kept away from the border, in many small steps",
        fields={
            "octaves": {"count": 4, "scale": 1.4},
            "iterations": 20,
            "step": 1.275,
            "gradient": {"normalise": "mean_abs"},
            "frames": {"every": 0},
            "detail": "after",
        },
        models=_DEEP_LAYER,
    ),
    _look("motif", "One motif of your choice at every scale: an owl, unless you name another", _motifs("owl")),
    _look("garden", "Sunflowers, daisies and roses", _motifs("daisy", "rose", "sunflower")),
    _look("peacock", "Eyes, peacock feathers and plumes", _motifs("eye", "peacock", "feather")),
    _look("orchard", "Trees and roses in bloom", _motifs("rose", "branch")),
    _look("pagodas", "Pagodas that grow like trees", _motifs("pagoda", "branch")),
    _look("aviary", "Birds, branches and leaves", _motifs("bird", "branch", "leaf")),
    _look("impression", "Brush strokes and bare trees", _motifs("strokes", "branch")),
    _look("menagerie", "Owls, cats and butterflies looking back", _motifs("owl", "cat", "butterfly")),
    _look("starry", "Stars, spirals and snow crystals, bright on deep colours", _motifs("spiral", "star", "snow")),
    _look("blaze", "Petals upon petals, bright as fire", _channels("mixed4c", 177), decorrelate=0),
    _look("reef", "Scallops, shell upon shell, like a roof", _channels("mixed4b", 389, 0), decorrelate=0),
    _look("grove", "Pines, palms and ferns, rank behind rank", _motifs("pine", "palm", "fern")),
    _look("meadow", "Long grass, or plumage, combed by the wind", _channels("mixed3b", 247), decorrelate=0),
    _look(
        "gaze",
        "Eyes that open everywhere",
        [{"layer": "mixed4a"}],
        normalise="mean_abs",
        step=2.0,
    ),
)

_MOTIFNET_STYLE: dict[str, Any] = {
    # An octave has few iterations, so that Adam should forget its first ones sooner than usual.
    "optimizer": {"beta2": 0.99},
    "content_layers": [{"layer": "mixed3b"}],
    "style_layers": [{"layer": layer} for layer in ("conv2d0", "conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4c")],
    "content_weight": 0.3,
    "style_weight": 1.0,
    # Just enough to dissolve the grid that layers of stride 2 leave in smooth places.
    "tv_weight": 1e-5,
    "learning_rate": 5.0,
}


def _by_block(name: str, weights: Iterable[float]) -> list[dict[str, Any]]:
    """Layers of VGG's five blocks."""
    return [{"layer": name.format(block), "weight": weight} for block, weight in enumerate(weights, start=1)]


# As Gatys' recipe has it, where layers are meant after their ReLU; with one octave of 600 iterations, to the letter.
_GATYS_WEIGHTS = (0.5, 1.0, 1.5, 3.0, 4.0)
_VGG19_GATYS: dict[str, Any] = {
    "loss": "gatys",
    "content_layers": [{"layer": "block4_conv2"}],
    "style_layers": _by_block("block{}_conv1", _GATYS_WEIGHTS),
    "content_weight": 5.0,
    "style_weight": 100.0,
    "iterations": 200,
    "frames": {"every": 100},
    "learning_rate": 2.0,
    "noise": 0.6,
    "clip": False,
}
_MATCONVNET_GATYS = _VGG19_GATYS | {
    "content_layers": [{"layer": "relu4_2"}],
    "style_layers": _by_block("relu{}_1", _GATYS_WEIGHTS),
}
# As Keras' example has it; with one octave, to the letter.
_VGG19_GATYS_TV: dict[str, Any] = {
    "loss": "sums",
    "content_layers": [{"layer": "block5_conv2"}],
    "style_layers": _by_block("block{}_conv1", (1.0, 1.0, 1.0, 1.0, 1.0)),
    "content_weight": 2.5e-8,
    "style_weight": 1e-6,
    "tv_weight": 1e-6,
    "frames": {"every": 1},
    "learning_rate": 1.0,
    # Keras' own.
    "optimizer": {"epsilon": 1e-7},
    "clip": False,
}

STYLE_PRESETS = _presets(
    Preset(
        name="gatys",
        summary="Gatys style transfer with Gram statistics over three scales",
        fields={
            "octaves": {"count": 3, "scale": 1.55},
            "iterations": 80,
            "frames": {"every": 20},
            "learning_rate": 4.0,
        },
        models={"motifnet": _MOTIFNET_STYLE, "vgg19": _VGG19_GATYS, "vgg19_matconvnet": _MATCONVNET_GATYS},
    ),
    Preset(
        name="gatys_tv",
        summary="As gatys, smoothed by total variation, as an animation of how it came about",
        fields={
            "octaves": {"count": 3, "scale": 1.55},
            "iterations": 100,
            "frames": {"every": 5},
            "animation": "gif",
            "learning_rate": 4.0,
        },
        models={"motifnet": _MOTIFNET_STYLE | {"tv_weight": 6e-5}, "vgg19": _VGG19_GATYS_TV},
    ),
    Preset(
        name="repaint",
        summary="The picture's own colours, painted anew with the style's strokes",
        fields={
            "octaves": {"count": 3, "scale": 1.55},
            "iterations": 80,
            "frames": {"every": 20},
            "keep_colors": True,
        },
        models={
            "motifnet": _MOTIFNET_STYLE,
            "vgg19": _VGG19_GATYS | {"noise": 0.0},
            "vgg19_matconvnet": _MATCONVNET_GATYS | {"noise": 0.0},
        },
    ),
)
