"""The bundled pictures, at any size."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from shared.samples import sample

#: By how much a dream's step changes them, in the mean, in units of 0–255.
STEP = 1.5


def picture(name: str, height: int, width: int) -> Any:
    """A bundled picture (height, width, 3), float32, 0–255."""
    return np.asarray(Image.open(sample(name)).convert("RGB").resize((width, height)), np.float32)
