"""How well a network names what it has not seen: `python -m worker.networks.motifnet.making.evaluate FOLDER`.

Pictures come from a seed that no training uses, once in the world that was learnt and once in the judge's (other
styles, freer colours), and then with every corruption of `corruptions.py`, as the mean of five severities and at the
last. The figures go to `evaluation.json`. FOLDER is a training's, or `bundled` for the network that ships.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.networks.motifnet.making.config import BUNDLED, Config
from worker.networks.motifnet.making.corruptions import FAMILIAR, SEVERITIES, UNSEEN, Corruption
from worker.networks.motifnet.making.data import Batch, held_out

if TYPE_CHECKING:
    from worker.networks.motifnet.making.naming import Namer

#: Of the pictures, unless another is given: trainings have small ones.
_SEED = 700_001


def evaluate(namer: Namer, config: Config, per_motif: int, seed: int = _SEED) -> dict[str, dict[str, float]]:
    """What `figures` says, by kind of picture."""
    unseen = held_out(config, per_motif, seed=seed)
    other = replace(config, world="judged" if config.world == "learnt" else "learnt")
    results = {
        f"unseen, {config.world} world": figures(namer, unseen),
        f"unseen, {other.world} world": figures(namer, held_out(other, per_motif, seed=seed)),
    }
    for kinds, corruptions in (("unseen", UNSEEN), ("familiar", FAMILIAR)):
        found = {
            name: [_corrupted(namer, unseen, corrupt, s) for s in SEVERITIES] for name, corrupt in corruptions.items()
        }
        for name, by_severity in found.items():
            results[f"{name} ({kinds} kind)"] = _mean(by_severity)
        results[f"all {kinds} kinds"] = _mean([one for by_severity in found.values() for one in by_severity])
        for severity, each in zip(SEVERITIES, zip(*found.values(), strict=True), strict=True):
            results[f"all {kinds} kinds, severity {severity}"] = _mean(each)
    return results


def _corrupted(namer: Namer, batch: Batch, corrupt: Corruption, severity: int) -> dict[str, float]:
    rng = np.random.default_rng(_SEED)
    spoilt = np.stack([corrupt(picture, severity, rng) for picture in batch.pictures])
    return figures(namer, Batch(spoilt, batch.shares))


def _mean(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in each])) for key in each[0]}


def figures(namer: Namer, batch: Batch) -> dict[str, float]:
    """Shares of the pictures that are named right.

    `first`: the likeliest name is what the picture was drawn for. `first of one`: the same of the pictures that hold one
    motif (NaN: there is none), which have one right name. `first is there`: each motif that is in a picture is a right
    name of it.
    """
    order: NDArray[np.intp] = np.argsort(-namer.probabilities(batch.pictures), axis=1)
    found = order[:, :3] == batch.shares.argmax(axis=1)[:, None]
    there = np.take_along_axis(batch.shares, order[:, :1], axis=1) > 0
    one = (batch.shares > 0).sum(axis=1) == 1
    return {
        "first": float(found[:, 0].mean()),
        "first of one": float(found[one, 0].mean()) if one.any() else math.nan,
        "first is there": float(there.mean()),
        "first three": float(found.any(axis=1).mean()),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Evaluate a network on pictures that it has not seen.")
    parser.add_argument("folder", type=Path, help=f"a training's folder, or `{BUNDLED}`")
    parser.add_argument("--per-motif", type=int, default=10, help="pictures of each motif")
    parser.add_argument("--seed", type=int, default=_SEED, help="of the pictures")
    parser.add_argument("--out", type=Path, help="folder for the figures (default: the training's)")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from worker.networks.motifnet.making.naming import Namer

    if args.folder == Path(BUNDLED):
        namer, config, out = Namer.bundled(), Config(), args.out or Path()
    else:
        namer, config = Namer.of(args.folder), Config.read(args.folder / "config.json")
        out = args.out or args.folder
    results = evaluate(namer, config, args.per_motif, args.seed)
    for name, shares in results.items():
        print(f"{name:32}", *(f"{what} {share:6.1%}" for what, share in shares.items()))
    (out / "evaluation.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
