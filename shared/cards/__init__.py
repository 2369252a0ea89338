"""Cards: what is known of each network without loading it.

A bundled network's card is a generated JSON file beside this module (`python -m worker.networks.motifnet.convert`);
a test holds it against the network. A registered network's card lies in its folder under `settings().networks`.
The API plans with cards and refuses unknown layers without TensorFlow.
"""

from __future__ import annotations

import logging
import re
from functools import cache, cached_property, lru_cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.problems import nearest
from shared.settings import settings

log = logging.getLogger(__name__)

#: Networks that are published and can be fetched.
PUBLISHED = ("inception5h", "inception_v3", "vgg16", "vgg19", "vgg19_matconvnet")
#: What a network may be called: it names a folder.
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")


class UnknownModel(LookupError):
    """There is no such network; the message names the nearest."""


class UnknownLayer(LookupError):
    """The network has no such layer; the message names the nearest."""


class UnknownChannel(LookupError):
    """The layer has no such channel; the message says which there are."""


class Part(BaseModel):
    """Base of a card's parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Layer(Part):
    """A layer that can be dreamt on. Cell i sees the pixels [i·stride − left, (i+1)·stride + right)."""

    name: str
    #: `conv` or `depthwise` (before their activation), `relu`, `activation`, `concat` or `add`.
    kind: str
    channels: int
    #: Pixels per cell, in each direction.
    stride: int
    #: Smallest side of a picture in which the layer has a cell, in pixels.
    min_size: int = 1
    receptive_field: int
    overhang_left: int
    overhang_right: int
    #: Multiply-adds and remembered numbers per pixel of the picture, from the input up to this layer.
    macs_per_pixel: float
    floats_per_pixel: float
    #: Names of the channels, where they have some.
    channel_names: tuple[str, ...] | None = None

    def find_channel(self, channel: int | str) -> int:
        """The number of a channel given by number or name. Raises UnknownChannel."""
        if isinstance(channel, int):
            if 0 <= channel < self.channels:
                return channel
            raise UnknownChannel(
                f"layer {self.name!r} has {self.channels} channels, numbered 0 to {self.channels - 1}; "
                f"there is no channel {channel}"
            )
        names = self.channel_names
        if names is None:
            if channel.isdecimal():
                return self.find_channel(int(channel))
            raise UnknownChannel(
                f"the channels of layer {self.name!r} have no names: choose a number from 0 to {self.channels - 1}"
            )
        if channel in names:
            return names.index(channel)
        if channel.isdecimal():
            return self.find_channel(int(channel))
        raise UnknownChannel(f"layer {self.name!r} has no channel {channel!r}{nearest(channel, names)}")


class Card(Part):
    """A network in words and numbers."""

    name: str
    summary: str
    licence: str
    #: What names the network, a SHA-256, hexadecimal: of weights, operations, mean and scale
    #: (`worker.networks.network_digest`); of the weights file alone if bundled or registered by an earlier version.
    digest: str
    parameters: int
    #: The network sees (rgb − mean) · scale, rgb in 0–255.
    mean: tuple[float, float, float]
    scale: float
    #: Smallest side of a picture, in pixels; some layers need more.
    min_size: int
    #: The layer that whole-layer dreams use by default.
    objective: str
    #: The layer whose channels are the network's classes, if it has classes.
    logits: str | None
    layers: tuple[Layer, ...]

    def __hash__(self) -> int:
        # Plans are cached by card; hashing a hundred layers each time would cost more than planning.
        return hash((self.name, self.digest))

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by name."""
        return {layer.name: layer for layer in self.layers}

    def find_layer(self, name: str) -> Layer:
        """The layer of that name; `logits` makes the classes, whatever that layer is called. Raises UnknownLayer."""
        layer = self.by_name.get(name)
        if layer is None and name == "logits" and self.logits is not None:
            layer = self.by_name.get(self.logits)
        if layer is None:
            raise UnknownLayer(f"model {self.name!r} has no layer {name!r}{nearest(name, self.by_name)}")
        return layer


@cache
def _load() -> dict[str, Card]:
    files = sorted(f.name for f in resources.files(__name__).iterdir() if f.name.endswith(".json"))
    found = [Card.model_validate_json(resources.files(__name__).joinpath(f).read_bytes()) for f in files]
    return {card.name: card for card in found}


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int) -> Card | None:
    """The card in a file; None, told once, for one that is damaged or that a newer version wrote."""
    try:
        return Card.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        log.warning("%s cannot be read%s: %s", path, where and f" ({where})", first["msg"])
        return None


def _registered(name: str) -> Card | None:
    """The card of a registered network, if it is there and can be read; read again when it has been registered anew."""
    path = settings().networks / name / "card.json"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return None


def cards() -> list[Card]:
    """The cards of all networks, bundled and registered, by name."""
    registered = (_registered(path.parent.name) for path in settings().networks.glob("*/card.json"))
    found = {card.name: card for card in registered if card is not None} | _load()
    return [found[name] for name in sorted(found)]


def card(model: str) -> Card:
    """The card of a network. Raises UnknownModel."""
    found = _load().get(model) or (_registered(model) if NAME.fullmatch(model) else None)
    if found is None:
        known = [c.name for c in cards()]
        here = f"there are: {', '.join(known)}"
        if model in PUBLISHED:
            raise UnknownModel(f"model {model!r} is not here yet (`dreamfarm models pull {model}` fetches it); {here}")
        if NAME.fullmatch(model) and (settings().networks / model / "card.json").is_file():
            raise UnknownModel(
                f"the card of model {model!r} is damaged, or of a newer dreamfarm: register the model again; {here}"
            )
        raise UnknownModel(f"there is no model {model!r}{nearest(model, [*known, *PUBLISHED])}; {here}")
    return found
