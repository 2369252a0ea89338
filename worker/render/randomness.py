"""All randomness of a job, as a pure function of (seed, octave, iteration): a restored job draws what it would have."""

from __future__ import annotations

import numpy as np


def generator(seed: int, octave: int, iteration: int) -> np.random.Generator:
    """The generator for one iteration of one octave, both counted from 1; octave 0 draws the starting picture."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, octave, iteration))))
