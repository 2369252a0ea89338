"""The job specification: the wire format of everything the farm renders.

A specification is complete after validation: what the sender left out is filled in from the preset (`shared.presets`),
so the stored specification alone says what is rendered, whatever later versions make of their presets.
Unknown fields are refused; `shared.problems` turns pydantic's errors into field paths with the nearest known name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared.presets import DREAM_PRESETS, STYLE_PRESETS, Preset, fill_in
from shared.problems import Problem, nearest

#: Priorities run from 0 (most urgent) to 9 everywhere.
DEFAULT_PRIORITY = 5
#: One POST carries at most this many jobs: validation of more would hold a request for over half a minute.
MAX_BATCH_JOBS = 100_000
#: Longest side of an output in pixels, whatever its area.
MAX_LONG_EDGE = 65_536
#: Dreams of smaller weights stand still: the recipes' guards against division by zero leave a few hundredths of a step
#: at most, and mostly much less. What weights mean to those guards is part of what has been rendered so far.
FAINT = {"std": 1e-4, "mean_abs": 1e-4, "laplacian": 1e-6}
#: The context of a validation of what says all, so that no preset has a part in it.
COMPLETE = {"complete": True}

AssetId = Annotated[
    str,
    Field(pattern=r"^sha256:[0-9a-f]{64}$", description="An uploaded picture, as answered by POST /v1/assets"),
]
Weight = Annotated[float, Field(ge=-1e6, le=1e6)]
Count = Annotated[int, Field(ge=1)]


class Spec(BaseModel):
    """Base of all specification parts: immutable, closed to unknown fields, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)


class Objective(Spec):
    """One term of what a dream maximises: a statistic of a layer's activations, times a weight (negative to avoid)."""

    layer: str = Field(min_length=1, max_length=120, description="A layer's name, or `logits`")
    #: A text stays one: classes may be called "10", whatever their number.
    channel: StrictInt | Annotated[str, Field(max_length=500)] | None = Field(
        default=None,
        description="A channel's number, or its name as a text; a text of digits that is no name is a number; null for "
        "the whole layer",
    )
    weight: Weight = 1.0
    statistic: Literal["mean", "mean_square", "guided"] = Field(
        default="mean_square",
        description="mean of the activations, mean of their squares, or their likeness to the best-matching cells of "
        "the guide",
    )
    border: int = Field(
        default=0, ge=0, le=64, description="Cells at the picture's border that do not count: padding shows there"
    )

    @model_validator(mode="before")
    @classmethod
    def _single_channels_are_averaged(cls, data: Any) -> Any:
        # The recipes take the mean of a single channel but the mean of squares of a whole layer: squaring a channel
        # before its ReLU would reward its absence as well.
        if isinstance(data, Mapping) and data.get("channel") is not None and "statistic" not in data:
            return {**data, "statistic": "mean"}
        return data

    @model_validator(mode="after")
    def _guides_have_all_channels(self) -> Self:
        if self.statistic == "guided" and self.channel is not None:
            raise ValueError("a guided objective compares all channels of a layer: leave the channel out")
        return self


class Octaves(Spec):
    """The scales a picture is rendered at, from small to large."""

    count: int = Field(default=4, ge=1, le=16)
    scale: float = Field(default=1.4, ge=1.05, le=4.0, description="Ratio of the side lengths of neighbouring octaves")


class Size(Spec):
    """The output's size. The picture keeps its proportions; without `long_edge` it keeps its size."""

    long_edge: int | None = Field(default=None, ge=16, le=MAX_LONG_EDGE, description="Longer side in pixels")
    aspect: float = Field(
        default=1.0, ge=0.05, le=20.0, description="Width / height of a dream out of noise; a picture has its own"
    )


class GradientSpec(Spec):
    """How the gradient is normalised before it is added to the picture."""

    normalise: Literal["std", "mean_abs", "laplacian"] = Field(
        default="mean_abs",
        description="divide by the standard deviation, the mean absolute value, or band by band of a Laplacian pyramid",
    )
    levels: int = Field(default=4, ge=1, le=8, description="Levels of the Laplacian pyramid")
    blur: float = Field(
        default=0.0,
        ge=0,
        le=64,
        description="Smooths the gradient before that: a Gaussian's standard deviation in pixels; 0 for none",
    )
    decorrelate: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Steps in colours that photographs do not correlate, for natural colours instead of a rainbow's: the "
        "power of their covariance that the gradient is multiplied by; 0 for none",
    )


class Tiling(Spec):
    """How a picture is cut for the device."""

    mode: Literal["exact", "fast", "roll"] = Field(
        default="exact",
        description="exact: the whole picture's gradient; fast: nearly, as tiles see less of their neighbours; "
        "roll: independent tiles on a randomly shifted picture",
    )
    tile: int | None = Field(
        default=None, ge=32, le=8192, description="Tile side in pixels; null: chosen by the planner"
    )
    halo: int | None = Field(
        default=None,
        ge=0,
        le=2048,
        description="Pixels that fast tiles see beyond what they own; null: half of what exact ones need",
    )

    @model_validator(mode="after")
    def _halo_is_for_fast(self) -> Self:
        if self.halo is not None and self.mode != "fast":
            raise ValueError(f"a halo can be chosen for fast tiling only; {self.mode} tiling has its own")
        return self


class Frames(Spec):
    """Which intermediate pictures are kept. The last iteration of each octave always is."""

    every: int = Field(default=5, ge=0, le=100_000, description="Every N iterations; 0: only at the end of an octave")


class Output(Spec):
    """The output's file format."""

    format: Literal["png", "jpeg", "webp", "tiff"] = "png"
    bits: Literal[8, 16] = Field(default=8, description="Bits per channel; 16 for png and tiff")
    quality: int = Field(default=95, ge=1, le=100, description="Of jpeg and webp")

    @property
    def suffix(self) -> str:
        """What the names of its files end with."""
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.format, self.format)

    @model_validator(mode="after")
    def _deep_formats(self) -> Self:
        if self.bits == 16 and self.format not in ("png", "tiff"):
            raise ValueError(f"{self.format} holds 8 bits per channel; for 16 bits choose png or tiff")
        return self


class JobSpec(Spec):
    """What all kinds of jobs share."""

    name: str | None = Field(default=None, max_length=200, description="Shown to people; the picture's file name, say")
    model: str = Field(default="motifnet", min_length=1, max_length=80)
    octaves: Octaves = Octaves()
    iterations: int = Field(default=10, ge=1, le=100_000, description="Per octave")
    size: Size = Size()
    tiling: Tiling = Tiling()
    precision: Literal["float32", "mixed", "bfloat16"] = Field(
        default="float32",
        description="Arithmetic of the network: float32; mixed: gradients in half precision, values in float32; "
        "bfloat16: half precision throughout, for drafts",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Of all randomness in the job")
    frames: Frames = Frames()
    output: Output = Output()
    animation: Literal["mp4", "webp", "gif"] | None = Field(
        default=None,
        description="Made of the frames at the end: mp4 of all of them, webp of at most 200 and gif of at most 300, taken "
        "evenly",
    )
    priority: int = Field(default=DEFAULT_PRIORITY, ge=0, le=9, description="0 is the most urgent")


def _says_all(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get("complete"))


def _from_preset(data: Any, presets: Mapping[str, Preset], default: str) -> Any:
    """The sender's fields laid over the preset's; anything that is not an object is left for pydantic to refuse."""
    if not isinstance(data, Mapping):
        return data
    preset = presets.get(str(data.get("preset", default)))
    return data if preset is None else fill_in(preset, data)


def _guided(data: Any) -> Any:
    """The fields of a dream that has a guide: whole layers without a statistic of their own look for its features."""
    terms = data.get("objective") if isinstance(data, Mapping) else None
    if not isinstance(terms, list | tuple) or data.get("guide") is None:
        return data

    def guided(term: Any) -> Any:
        whole = isinstance(term, Mapping) and term.get("channel") is None
        return {"statistic": "guided", **term} if whole else term

    return {**data, "objective": [guided(term) for term in terms]}


class DreamSpec(JobSpec):
    """A dream: gradient ascent on the activations of chosen layers, octave by octave."""

    kind: Literal["dream"] = "dream"
    preset: str = "deepdream"
    input: AssetId | None = Field(default=None, description="The picture to start from; null starts from noise")
    objective: tuple[Objective, ...] = Field(default=(), min_length=1, max_length=64)
    gradient: GradientSpec = GradientSpec()
    step: float = Field(default=1.5, gt=0, le=1000, description="Step size, in units of 0–255 colour values")
    clip: bool = Field(default=False, description="Keep the picture in range after every step, not only at the end")
    max_score: float | None = Field(
        default=None, description="An octave ends before the step from a picture that scores more; null for no limit"
    )
    jitter: int = Field(default=0, ge=0, le=512, description="Largest random shift per iteration, in pixels")
    detail: Literal["before", "after", "none"] = Field(
        default="before",
        description="When each octave gets back the fine detail that shrinking took from the picture",
    )
    guide: AssetId | None = Field(
        default=None,
        description="The picture whose features `guided` objectives look for, at up to 256 pixels on its longer side; "
        "with one, whole layers are guided unless they say otherwise",
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any, info: ValidationInfo) -> Any:
        return data if _says_all(info) else _guided(_from_preset(data, DREAM_PRESETS, "deepdream"))

    @model_validator(mode="after")
    def _guided_by_something(self) -> Self:
        guided = any(term.statistic == "guided" for term in self.objective)
        if guided and self.guide is None:
            raise ValueError("a guided objective needs a guide: the picture whose features it looks for")
        if self.guide is not None and not guided:
            raise ValueError("no objective looks for the guide's features: name a whole layer, or leave the guide out")
        return self

    @model_validator(mode="after")
    def _not_faint(self, info: ValidationInfo) -> Self:
        largest = max((abs(term.weight) for term in self.objective), default=0.0)
        faint = FAINT[self.gradient.normalise]
        # What was stored before this was known is what it is, and weights of 0 are the planner's to refuse.
        if 0 < largest < faint and not _says_all(info):
            raise ValueError(
                f"the objective's weights are too small, at most {largest:g}: normalising would leave nothing of a "
                f"gradient of less than {faint:g} times the usual one; multiply them all, so that the largest is about 1"
            )
        return self

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str) -> str:
        return _known(name, DREAM_PRESETS)


class Style(Spec):
    """A picture whose style is taken over, and how much of it."""

    asset: AssetId
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    mask: AssetId | None = Field(
        default=None,
        description="Where in the content this style is laid: a grey picture, white for all of it; null: everywhere",
    )


class LayerWeight(Spec):
    """A layer's share in a loss."""

    layer: str = Field(min_length=1, max_length=120)
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0


class Optimizer(Spec):
    """How a style transfer goes down its loss."""

    method: Literal["adam", "lbfgs"] = "adam"
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam's decay of the mean gradient")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's decay of the mean squared gradient")
    #: Gradients whose squares are too small for float32 would make steps without bound if this were smaller still.
    epsilon: float = Field(default=1e-8, ge=1e-16, le=1, description="Adam's, against division by zero")
    history: int = Field(default=10, ge=1, le=100, description="Steps that L-BFGS remembers, at 24 bytes a pixel each")


class StyleSpec(JobSpec):
    """A style transfer: the content of one picture in the style of others (Gatys et al. 2016), coarse to fine."""

    kind: Literal["style"] = "style"
    preset: str = "gatys"
    content: AssetId
    styles: tuple[Style, ...] = Field(min_length=1, max_length=16)
    content_layers: tuple[LayerWeight, ...] = Field(default=(), min_length=1, max_length=32)
    style_layers: tuple[LayerWeight, ...] = Field(default=(), min_length=1, max_length=32)
    loss: Literal["energy", "gatys", "sums"] = Field(
        default="energy",
        description="energy: each layer's difference, in Gram matrices and means, in units of the target's own; "
        "gatys: the paper's formulas; sums: content and variation as sums over all pixels, as in Keras' examples",
    )
    content_weight: float = Field(default=1.0, ge=0, le=1e9)
    style_weight: float = Field(default=1.0, ge=0, le=1e9)
    tv_weight: float = Field(default=0.0, ge=0, le=1e9, description="Of the total variation, which smooths")
    learning_rate: float = Field(
        default=4.0, gt=0, le=1000, description="Of Adam, and of L-BFGS' first step, in units of 0–255 colour values"
    )
    noise: float = Field(default=0.0, ge=0, le=1, description="Share of noise in the starting picture")
    keep_colors: bool = Field(default=False, description="Take over the style's luminance only")
    optimizer: Optimizer = Optimizer()
    clip: bool = Field(default=True, description="Keep the picture in range after every step, not only at the end")
    objective: tuple[Objective, ...] = Field(
        default=(),
        max_length=64,
        description="What is dreamt into the picture as well. A weight of 1, beside `style_weight`: as much of a term as "
        "the content has counts for all of the style",
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any, info: ValidationInfo) -> Any:
        return data if _says_all(info) else _from_preset(data, STYLE_PRESETS, "gatys")

    @field_validator("objective")
    @classmethod
    def _no_guide(cls, objective: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if any(term.statistic == "guided" for term in objective):
            raise ValueError("guided objectives are for dreams: a style transfer has no guide")
        return objective

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str) -> str:
        return _known(name, STYLE_PRESETS)


def _known(name: str, presets: Mapping[str, Preset]) -> str:
    if name not in presets:
        raise ValueError(
            f"there is no preset {name!r}{nearest(name, presets)}; there are: {', '.join(sorted(presets))}"
        )
    return name


AnySpec = Annotated[DreamSpec | StyleSpec, Field(discriminator="kind")]
#: Validates one job of any kind: `SPEC.validate_python(...)`, `SPEC.json_schema()`.
SPEC: TypeAdapter[DreamSpec | StyleSpec] = TypeAdapter(AnySpec)


def stored_spec(text: str) -> DreamSpec | StyleSpec:
    """The specification that was stored as JSON, as it was when it was: no preset of today has a part in it."""
    return SPEC.validate_json(text, context=COMPLETE)


class BatchSpec(Spec):
    """Many jobs, submitted all or nothing."""

    name: str | None = Field(default=None, max_length=200)
    jobs: tuple[AnySpec, ...] = Field(min_length=1, max_length=MAX_BATCH_JOBS)


def assets_of(spec: DreamSpec | StyleSpec) -> dict[str, str]:
    """The pictures a job needs, by the specification's field path (`input`, `content`, `styles.0.asset`).

    The picture that the output is made from comes first, if there is one (`source_of`).
    """
    if isinstance(spec, DreamSpec):
        return {field: asset for field in ("input", "guide") if (asset := getattr(spec, field)) is not None}
    assets = {"content": spec.content}
    for i, style in enumerate(spec.styles):
        assets[f"styles.{i}.asset"] = style.asset
        if style.mask is not None:
            assets[f"styles.{i}.mask"] = style.mask
    return assets


def source_of(spec: DreamSpec | StyleSpec) -> str | None:
    """The field of the picture that the output is made from and takes its size from; None for noise."""
    if isinstance(spec, DreamSpec):
        return None if spec.input is None else "input"
    return "content"


def unused_by(spec: DreamSpec | StyleSpec) -> list[Problem]:
    """What a specification asks for and its picture forbids.

    For what people send. What is stored is rendered as it always was, so that this is no part of the validation.
    """
    field = source_of(spec)
    return [] if field is None or spec.size.aspect == 1.0 else [no_aspect(field)]


def no_aspect(field: str) -> Problem:
    """An aspect was given together with the picture in `field`, which keeps its proportions."""
    rest = ", or leave the picture out" if field == "input" else ""
    return Problem(
        "size.aspect",
        f"only a dream out of noise can have one; the {field} keeps its own proportions: leave it out{rest}",
    )
