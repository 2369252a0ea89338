"""How well a trained network names what it has not seen: `python -m worker.networks.motifnet.making.evaluate FOLDER`.

Pictures come from a seed that no training uses, once in the world that was learnt and once in the judge's (other
styles, freer colours), and then with every corruption of `corruptions.py`. The figures go to `evaluation.json`.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.networks.motifnet.making.config import Config
from worker.networks.motifnet.making.corruptions import FAMILIAR, UNSEEN
from worker.networks.motifnet.making.data import Batch, held_out

if TYPE_CHECKING:
    from worker.networks.motifnet.making.naming import Namer

_SEED = 700_001


def evaluate(namer: Namer, config: Config, per_motif: int) -> dict[str, dict[str, float]]:
    """Shares of pictures named first and among the first three, by kind of picture."""
    unseen = held_out(config, per_motif, seed=_SEED)
    other = replace(config, world="judged" if config.world == "learnt" else "learnt")
    results = {
        f"unseen, {config.world} world": _figures(namer, unseen),
        f"unseen, {other.world} world": _figures(namer, held_out(other, per_motif, seed=_SEED)),
    }
    for kinds, corruptions in (("unseen", UNSEEN), ("familiar", FAMILIAR)):
        each = []
        for name, corrupt in corruptions.items():
            rng = np.random.default_rng(_SEED)
            spoilt = np.stack([corrupt(picture, rng) for picture in unseen.pictures])
            each.append(_figures(namer, Batch(spoilt, unseen.shares)))
            results[f"{name} ({kinds} kind)"] = each[-1]
        results[f"all {kinds} kinds"] = {key: float(np.mean([figures[key] for figures in each])) for key in each[0]}
    return results


def _figures(namer: Namer, batch: Batch) -> dict[str, float]:
    order: NDArray[np.intp] = np.argsort(-namer.probabilities(batch.pictures), axis=1)
    found = order[:, :3] == batch.shares.argmax(axis=1)[:, None]
    return {"first": float(found[:, 0].mean()), "first three": float(found.any(axis=1).mean())}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Evaluate a trained network on pictures that it has not seen.")
    parser.add_argument("folder", type=Path, help="a training's folder")
    parser.add_argument("--per-motif", type=int, default=10, help="pictures of each motif")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from worker.networks.motifnet.making.naming import Namer

    results = evaluate(Namer.of(args.folder), Config.read(args.folder / "config.json"), args.per_motif)
    for name, figures in results.items():
        print(f"{name:32} named first {figures['first']:6.1%}, among three {figures['first three']:6.1%}")
    (args.folder / "evaluation.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
