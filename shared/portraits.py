"""Portraits: what layers and channels of a network dream of out of noise, as small pictures for people who choose.

`dreamfarm models portray` makes them, in the network's folder. A bundled network has its first ones beside its card.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from shared.cards import Card, Layer
from shared.names import replace
from shared.presets import OUT_OF_NOISE
from shared.settings import settings
from shared.sheets import contact_sheet

_INDEX = "portraits.json"
#: What of a dream they share: octaves that begin so small that a motif fills them, and shifts, so that no grid shows.
RECIPE: dict[str, Any] = {
    "octaves": {"count": 5, "scale": 1.3},
    "gradient": OUT_OF_NOISE,
    "step": 2.0,
    "jitter": 16,
    "frames": {"every": 0},
}
#: Height of the pictures on a page of them, in pixels.
_ROW = 150


class Portrait(BaseModel):
    """One of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layer: str
    #: None stands for the whole layer.
    channel: int | None

    @property
    def file(self) -> str:
        """The name of its file, a JPEG."""
        return f"{quote(self.layer, safe='')}{'' if self.channel is None else f'@{self.channel}'}.jpg"

    def name(self, layer: Layer) -> str:
        """What people call it: the channel's name, where it has one."""
        if self.channel is None:
            return layer.name
        return str(self.channel) if layer.channel_names is None else layer.channel_names[self.channel]


class _Index(BaseModel):
    """What a folder of portraits holds, in the order in which they are shown."""

    #: What names the network that dreamt them.
    digest: str
    portraits: tuple[Portrait, ...] = ()
    #: Of what nothing came.
    still: tuple[Portrait, ...] = ()


class Album:
    """The portraits of one network: those in a folder, over those that came with the network."""

    def __init__(self, folder: Path, digest: str, bundled: Path | None = None) -> None:
        """Portraits that another network (of another `digest`) dreamt do not count."""
        self.folder, self._bundled = folder, bundled
        own, others = _read(folder, digest), _Index(digest=digest) if bundled is None else _read(bundled, digest)
        self._digest, self._own, self._others = digest, dict.fromkeys(own.portraits), others.portraits
        self._still = dict.fromkeys((*others.still, *own.still))

    @property
    def portraits(self) -> tuple[Portrait, ...]:
        """All portraits, in the order in which they are shown."""
        return tuple(dict.fromkeys((*self._others, *self._own)))

    def __contains__(self, portrait: Portrait) -> bool:
        """Whether it is there, or was tried in vain."""
        return portrait in self._own or portrait in self._others or portrait in self._still

    def path(self, portrait: Portrait) -> Path:
        """The file of one of them."""
        return (self.folder if portrait in self._own or self._bundled is None else self._bundled) / portrait.file

    def add(self, portrait: Portrait, jpeg: bytes) -> None:
        """Keeps a portrait, over the one that there was. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replace(self.folder / portrait.file, jpeg)
        self._own[portrait] = None
        self._still.pop(portrait, None)
        # After the picture: whatever the index names is there.
        self._write()

    def add_still(self, portrait: Portrait) -> None:
        """Remembers that nothing came of a portrait. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._still[portrait] = None
        self._write()

    def _write(self) -> None:
        index = _Index(digest=self._digest, portraits=tuple(self._own), still=tuple(self._still))
        replace(self.folder / _INDEX, index.model_dump_json(indent=1).encode() + b"\n")


def album(card: Card) -> Album:
    """The portraits of a network, none if it was never portrayed."""
    # The package is always installed as files, never as a zip archive, so its resources are paths.
    bundled = Path(str(resources.files("shared.cards"))) / "portraits" / card.name
    return Album(settings().networks / card.name / "portraits", card.digest, bundled)


def sheet(card: Card) -> bytes:
    """All portraits of a network on one page, a JPEG. Raises shared.pictures.PictureError when there are none."""
    kept = album(card)
    there = [(portrait, path) for portrait in kept.portraits if (path := kept.path(portrait)).is_file()]
    return contact_sheet(
        [(caption(card, portrait), path.read_bytes()) for portrait, path in there],
        title=f"{card.name}: what it dreams of",
        row=_ROW,
    )


def caption(card: Card, portrait: Portrait) -> str:
    """What a portrait is of, in a word or two."""
    layer = card.find_layer(portrait.layer)
    named = portrait.channel is None or layer.channel_names is not None
    return portrait.name(layer) if named else f"{layer.name} {portrait.channel}"


def _read(folder: Path, digest: str) -> _Index:
    try:
        index = _Index.model_validate_json((folder / _INDEX).read_bytes())
    except (FileNotFoundError, ValueError):  # an index that cannot be read is made anew
        return _Index(digest=digest)
    return index if index.digest == digest else _Index(digest=digest)
