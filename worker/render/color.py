"""Luminance and colour, kept apart for style transfers that leave the content's colours alone.

After Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer", section 3.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

#: Rec. 601 luma.
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(picture: FloatArray) -> FloatArray:
    """`picture` (H, W, 3) in grey, as three equal channels."""
    grey: FloatArray = np.repeat((picture @ WEIGHTS)[..., None], 3, axis=2)
    return grey


def matched(style: FloatArray, content: FloatArray) -> FloatArray:
    """A grey style with the mean and the standard deviation of the grey content."""
    contrast = np.float32(content.std() / max(float(style.std()), 1e-6))
    shifted: FloatArray = (style - style.mean()) * contrast + content.mean()
    return shifted


def recoloured(picture: FloatArray, content: FloatArray) -> FloatArray:
    """The luminance of `picture` with the colours of `content`, both (H, W, 3)."""
    return content + luminance(picture) - luminance(content)
