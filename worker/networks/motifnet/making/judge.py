"""Has a second network name what the first one dreams: `python -m worker.networks.motifnet.making.judge FOLDER JUDGE`.

Every motif's logit is dreamt from noise and into the bundled pictures, with the product's own renderer. The judge, of
another width and seed, has learnt other draws in other styles and colours; it is trained if its folder is empty. The
verdict goes to `judged.json` and `judged.png` in the first network's folder.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.plan import plan
from shared.portraits import RECIPE
from shared.samples import sample
from shared.specs import DreamSpec
from worker.networks.motifnet.making.config import JUDGE, JUDGE_FINISH, changed
from worker.networks.motifnet.making.sheet import page
from worker.networks.motifnet.making.train import add_options

if TYPE_CHECKING:
    from worker.networks.motifnet.making.naming import Namer
    from worker.networks.network import Network

#: Bundled pictures that are dreamt into.
SAMPLES = ("dusk", "fruit", "lake")


@dataclass(frozen=True)
class Dreamt:
    """One dream and what the judge calls it, likeliest first."""

    motif: str
    #: A bundled picture's name, or `noise`.
    source: str
    rgb: NDArray[np.uint8]
    named: Sequence[str]


def dream(network: Network, motif: str, picture: NDArray[np.float32] | None, size: int, iterations: int) -> Any:
    """A motif dreamt into a picture (H, W, 3) in 0–255, or from noise; (h, w, 3) uint8, `size` on its longer side."""
    from worker.render import begin

    spec = DreamSpec.model_validate(
        RECIPE
        | {
            "objective": [{"layer": network.card.logits, "channel": motif}],
            "iterations": iterations,
            "size": {"long_edge": size},
            "input": None if picture is None else "sha256:" + "0" * 64,
        }
    )
    height, width = (None, None) if picture is None else picture.shape[:2]
    planned = plan(spec, card=network.card, width=width, height=height)
    rendering = begin(spec, planned, network, {} if picture is None else {"input": picture})
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    return np.clip(np.rint(rendering.finish()), 0, 255).astype(np.uint8)


def judged(
    network: Network, judge: Namer, motifs: Sequence[str], sources: Sequence[str], size: int, iterations: int
) -> Iterator[Dreamt]:
    """Dreams each motif from each source and has it named."""
    pictures = {name: None if name == "noise" else _sample(name, size) for name in sources}
    for motif in motifs:
        for source, picture in pictures.items():
            rgb = dream(network, motif, picture, size, iterations)
            yield Dreamt(motif, source, rgb, judge.ranked(rgb))


def verdict(dreams: Sequence[Dreamt]) -> dict[str, Any]:
    """Shares named first and among the first three, by source, and what each motif was taken for."""
    by_source: dict[str, Any] = {}
    for source in dict.fromkeys(dreamt.source for dreamt in dreams):
        own = [dreamt for dreamt in dreams if dreamt.source == source]
        by_source[source] = {
            "first": float(np.mean([d.named[0] == d.motif for d in own])),
            "first three": float(np.mean([d.motif in d.named[:3] for d in own])),
            "motifs": {d.motif: list(d.named[:3]) for d in own},
        }
    return by_source


def _sample(name: str, size: int) -> NDArray[np.float32]:
    image = Image.open(sample(name)).convert("RGB")
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32)


def _network(name: str) -> Network:
    """The network of a training's folder, or `bundled`."""
    if name == "bundled":
        from shared.settings import settings
        from worker.networks import load

        return load("motifnet", folder=settings().networks)
    from worker.networks.motifnet.convert import converted, set_apart
    from worker.networks.motifnet.making.naming import Namer

    trained = Namer.of(Path(name))
    network, _ = converted(trained.model, list(trained.names))
    return replace(network, weights=set_apart(network.weights, network.card.logits or "logits"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Have a second network name the first one's dreams.")
    parser.add_argument("network", help="a training's folder, or `bundled`")
    parser.add_argument("judge", type=Path, help="the judge's folder")
    parser.add_argument("--motifs", nargs="+", help="motifs to dream (default: all)")
    parser.add_argument("--sources", nargs="+", choices=["noise", *SAMPLES], default=["noise", *SAMPLES])
    parser.add_argument("--side", type=int, default=192, help="longer side of the dreams in pixels")
    parser.add_argument("--iterations", type=int, default=14, help="per octave")
    parser.add_argument("--out", type=Path, help="folder for the verdict (default: the network's)")
    add_options(parser)
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from worker.networks.motifnet.making.naming import Namer

    if not (args.judge / "model.keras").exists():
        _train(args)
    network, judge = _network(args.network), Namer.of(args.judge)
    known = network.card.find_layer(network.card.logits or "logits").channel_names or ()
    motifs = args.motifs or [name for name in known if name in judge.names]
    dreams = []
    for dreamt in judged(network, judge, motifs, args.sources, args.side, args.iterations):
        dreams.append(dreamt)
        print(f"{dreamt.motif} from {dreamt.source}: {', '.join(dreamt.named[:3])}", flush=True)
    _write(dreams, args.out or Path(args.network if args.network != "bundled" else "."))


def _train(args: argparse.Namespace) -> None:
    """Trains the judge; its first training lies in a folder within its own."""
    from worker.networks.motifnet.making.training import train

    first = args.judge / "first"
    if not (first / "model.keras").exists():
        train(changed(JUDGE, vars(args)), first, args.cache, args.processes)
    train(changed(JUDGE_FINISH, vars(args)), args.judge, args.cache, args.processes, before=first)


def _write(dreams: Sequence[Dreamt], folder: Path) -> None:
    result = verdict(dreams)
    (folder / "judged.json").write_text(json.dumps(result, indent=1) + "\n")
    for source, figures in result.items():
        print(f"from {source}: named first {figures['first']:.1%}, among three {figures['first three']:.1%}")
    cells = (
        (dreamt.motif if dreamt.named[0] == dreamt.motif else f"{dreamt.motif}: {dreamt.named[0]}?", [dreamt.rgb])
        for dreamt in sorted(dreams, key=lambda d: list(result).index(d.source))
    )
    page(cells, columns=11).save(folder / "judged.png")


if __name__ == "__main__":
    main()
