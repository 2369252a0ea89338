"""Pictures that come with the farm: something to dream into and styles to take over, before one has one's own.

They are drawn by a program of this project (`draw.py`), so their licence is the project's own.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

#: Every bundled picture by name, with what it shows.
SAMPLES: dict[str, str] = {
    "dusk": "Clouds over rolling hills at dusk",
    "fruit": "A still life: fruit in a bowl, daisies in a vase",
    "lake": "Northern lights over mountains and a lake",
    "swirls": "A style: swirling brush strokes",
    "glass": "A style: stained glass",
    "woodcut": "A style: waves, cut in wood",
}


def sample(name: str) -> Path:
    """The file (a JPEG) of the bundled picture `name`. KeyError, naming those that there are, when there is none."""
    if name not in SAMPLES:
        raise KeyError(f"there is no bundled picture {name!r}; there are: {', '.join(SAMPLES)}")
    # The package is always installed as files, never as a zip archive, so its resources are paths.
    return Path(str(files(__name__) / f"{name}.jpg"))
