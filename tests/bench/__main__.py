"""`make bench`: what the farm costs and what it wins, each against its plain alternative in the same run.

    make bench                        everything
    make bench ARGS="submit"          some parts: submit, overhead, render
    make bench ARGS="--json out.json" also as JSON

Speed is shown here and never asserted in a test: a machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import overhead, render, submit
from tests.bench.figures import Figure

PARTS: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "submit": submit.figures,
    "overhead": overhead.figures,
    "render": render.figures,
}


def main() -> int:
    """Run the parts that the arguments name."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    found: list[Figure] = []
    for name in arguments.parts or PARTS:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="dreamfarm-bench-") as folder:
            for figure in PARTS[name](Path(folder)):
                print(f"  {figure}", flush=True)
                found.append(figure)
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(figure) for figure in found], indent=1))
    missed = [figure for figure in found if not figure.met]
    for figure in missed:
        print(f"missed: {figure}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
