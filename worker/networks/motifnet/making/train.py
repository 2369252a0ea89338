"""Trains motifnet: `python -m worker.networks.motifnet.making.train [FOLDER]`, or `make motifnet`.

The folder then holds `model.keras`, `motifs.txt`, `config.json`, `history.json` and `curves.png`. A training that was
stopped goes on from its last checkpoint when it is started again with the same configuration.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from worker.networks.motifnet.making.config import BUNDLED, FINISH, JUDGE, JUDGE_FINISH, WIDE, Config, changed


def add_options(parser: argparse.ArgumentParser) -> None:
    """An option for every field of the configuration, and those of the machine."""
    hints = get_type_hints(Config)
    for field in fields(Config):
        kind = hints[field.name]
        choices = get_args(kind) if get_origin(kind) is Literal else None
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=str if choices else kind, choices=choices)
    parser.add_argument("--cache", type=Path, default=Path("build/motifnet-pictures"), help="folder for drawn pictures")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that draw")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train motifnet on drawn pictures.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/motifnet"), help="where it lives")
    parser.add_argument("--after", type=Path, help="go on from the weights of this training, or of what is `bundled`")
    parser.add_argument("--judge", action="store_true", help="train the judge: other defaults, see config.py")
    parser.add_argument("--wide", action="store_true", help="make the network of `--after` wider: see config.py")
    parser.add_argument("--until", type=int, help="stop at this step; a later call goes on")
    add_options(parser)
    args = parser.parse_args()
    if args.wide and (args.judge or not args.after):
        parser.error("--wide makes another network wider: name it with --after; a judge has no such training")
    first, second = (JUDGE, JUDGE_FINISH) if args.judge else (Config(), WIDE if args.wide else FINISH)
    if args.after and args.width is None and not args.wide:
        args.width = _width(args.after)
    config = changed(second if args.after else first, vars(args))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Not above: the processes that draw import this module, too, and need no Keras.
    from worker.networks.motifnet.making.training import train

    train(config, args.folder, args.cache, args.processes, until=args.until, before=args.after)


def _width(before: Path) -> float:
    """The width of the training in `before`, or of the bundled network. Raises SystemExit when there is none."""
    if before == Path(BUNDLED):
        from worker.networks.motifnet.making.bundled import bundled_width

        return bundled_width()
    if not (before / "config.json").exists():
        raise SystemExit(f"{before} holds no training; `--after {BUNDLED}` goes on from the network that ships")
    return Config.read(before / "config.json").width


if __name__ == "__main__":
    main()
