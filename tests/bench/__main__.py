"""`make bench`: what the farm costs and what it wins, each against its plain alternative in the same run.

    make bench                        everything
    make bench ARGS="submit"          some parts: submit, overhead, render, machine, dreams, tiling, styles
    make bench ARGS="memory"          what a worker's memory grows by; `memory --long` at the sizes that are promised
    make bench ARGS="--json out.json" also as JSON

Speed is shown here and never asserted in a test: a machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench import dreams, machine, memory, overhead, render, styles, submit, tiling
from tests.bench.figures import Figure

#: What is measured; sentences stand for themselves.
PARTS: dict[str, Callable[[Path], Iterator[Figure | str]]] = {
    "submit": submit.figures,
    "overhead": overhead.figures,
    "render": render.figures,
    "machine": machine.figures,
    "dreams": dreams.figures,
    "tiling": tiling.figures,
    "styles": styles.figures,
    "memory": memory.figures,
}
#: These take their time, and run only when they are named.
NAMED_ONLY = ("memory",)


def main() -> int:
    """Run the parts that the arguments name."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all but memory")
    parser.add_argument("--long", action="store_true", help="memory: at the sizes that are promised")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    parts = PARTS | ({"memory": partial(memory.figures, sizes=memory.LONG)} if arguments.long else {})
    found: list[Figure] = []
    for name in arguments.parts or [name for name in PARTS if name not in NAMED_ONLY]:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="dreamfarm-bench-") as folder:
            for figure in parts[name](Path(folder)):
                print(f"  {figure}", flush=True)
                if isinstance(figure, Figure):
                    found.append(figure)
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(figure) for figure in found], indent=1))
    missed = [figure for figure in found if not figure.met]
    for figure in missed:
        print(f"missed: {figure}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
