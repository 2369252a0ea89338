"""How well a trained network names what it has not seen: `python -m worker.networks.motifnet.making.evaluate FOLDER`.

Pictures come from a seed that no training uses, once in the world that was learnt and once in the judge's (other
styles, freer colours), and then with every corruption of `corruptions.py`, as the mean of five severities and at the
last. The figures go to `evaluation.json`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.networks.motifnet.making.config import Config
from worker.networks.motifnet.making.corruptions import FAMILIAR, SEVERITIES, UNSEEN, Corruption
from worker.networks.motifnet.making.data import Batch, held_out

if TYPE_CHECKING:
    from worker.networks.motifnet.making.naming import Namer

_SEED = 700_001


def evaluate(namer: Namer, config: Config, per_motif: int) -> dict[str, dict[str, float]]:
    """What `figures` says, by kind of picture."""
    unseen = held_out(config, per_motif, seed=_SEED)
    other = replace(config, world="judged" if config.world == "learnt" else "learnt")
    results = {
        f"unseen, {config.world} world": figures(namer, unseen),
        f"unseen, {other.world} world": figures(namer, held_out(other, per_motif, seed=_SEED)),
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
    """Shares of the pictures; `first is there` counts each motif that is in a picture as a right name of it."""
    order: NDArray[np.intp] = np.argsort(-namer.probabilities(batch.pictures), axis=1)
    found = order[:, :3] == batch.shares.argmax(axis=1)[:, None]
    there = np.take_along_axis(batch.shares, order[:, :1], axis=1) > 0
    return {
        "first": float(found[:, 0].mean()),
        "first is there": float(there.mean()),
        "first three": float(found.any(axis=1).mean()),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Evaluate a trained network on pictures that it has not seen.")
    parser.add_argument("folder", type=Path, help="a training's folder")
    parser.add_argument("--per-motif", type=int, default=10, help="pictures of each motif")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from worker.networks.motifnet.making.naming import Namer

    results = evaluate(Namer.of(args.folder), Config.read(args.folder / "config.json"), args.per_motif)
    for name, shares in results.items():
        print(f"{name:32}", *(f"{what} {share:6.1%}" for what, share in shares.items()))
    (args.folder / "evaluation.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
