"""Dense layers as convolutions: what a network computes behind its last cells, as layers that can be dreamt on.

A dense layer behind s × s flattened cells is an unpadded convolution with a kernel of s × s; one behind a global average
is a 1×1 convolution before it, whose mean over the picture is what the network computes. On pictures of the size that
the network was made for the classes are the network's own; larger ones are judged at many places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from worker.networks.collect import BadModel, Collection, FloatArray
from worker.networks.graph import Graph, Kind


@dataclass(frozen=True)
class Vector:
    """Numbers without a place: `side` × `side` cells of an operation, or their mean."""

    source: str
    side: int = 1
    averaged: bool = False
    #: The first function that is no sum of products behind an average: it does not commute with the average.
    bent_by: str | None = None


class Vectors:
    """The vectors among an importer's nodes, by the node's name."""

    def __init__(self, found: Collection) -> None:
        self._found = found
        self._vectors: dict[str, Vector] = {}
        self._ends: list[Vector] = []

    def __contains__(self, name: str) -> bool:
        return name in self._vectors

    def average(self, name: str, source: str) -> None:
        """The mean over all cells of the operation `source`."""
        self._vectors[name] = Vector(source, averaged=True)

    def flatten(self, name: str, source: str, side: int) -> None:
        """All numbers of the operation `source`, when it has `side` × `side` cells."""
        pool = next((op for op in self._found.ops if op["name"] == source), None)
        if pool is None:
            raise BadModel(f"{name!r} makes one row of numbers of the picture: there are no layers to dream on")
        if side == 1 and pool["kind"] == "avg_pool" and pool["padding"] == "valid":
            # The pool leaves one cell: on pictures of the intended size it is a global average.
            self.average(name, pool["inputs"][0])
        else:
            self._vectors[name] = Vector(source, side)

    def pass_on(self, name: str, vector: str) -> None:
        """The same numbers under another name."""
        self._vectors[name] = self._vectors[vector]

    def dense(self, name: str, vector: str, matrix: FloatArray, bias: FloatArray | None) -> None:
        """The product with a matrix (in, out), plus a bias (out,) or None for zeros. Raises BadModel."""
        before = self._vectors[vector]
        channels = self._found.channels(before.source)
        if matrix.ndim != 2 or matrix.shape[0] != before.side**2 * channels:
            raise BadModel(f"the matrix of {name!r} has the shape {matrix.shape}, which does not fit what is before it")
        kernel = matrix.reshape(before.side, before.side, channels, matrix.shape[1])
        self._found.conv(name, before.source, kernel, bias, padding="valid")
        self._put(name, replace(before, source=name, side=1))

    def biased(self, name: str, vector: str, bias: FloatArray, *, alone: bool) -> None:
        """A bias (out,) added to a dense layer, which takes over the name if it is taken `alone`. Raises BadModel."""
        before = self._vectors[vector]
        if self._found.kind(before.source) != "conv" or bias.shape != (self._found.channels(before.source),):
            raise BadModel(f"{name!r} adds {bias.shape} numbers to what is no dense layer of that many")
        if alone:
            self._found.fold(before.source, np.ones_like(bias), bias)
            self._found.rename(before.source, name)
        else:
            self._found.depthwise(name, before.source, np.ones((1, 1, bias.size), np.float32), bias)
        self._put(name, replace(before, source=name))

    def affine(self, name: str, vector: str, factor: FloatArray, offset: FloatArray) -> None:
        """Each number times a factor, plus an offset, both (in,). Raises BadModel.

        As a convolution, because the network's classes may be what it makes.
        """
        before = self._vectors[vector]
        self._found.depthwise(name, before.source, factor[None, None], offset)
        self._put(name, replace(before, source=name))

    def activated(self, name: str, vector: str, kind: Kind, **shape: Any) -> None:
        """A function of each number."""
        before = self._vectors[vector]
        self._found.op(name, kind, [before.source], self._found.channels(before.source), **shape)
        bent_by = before.bent_by or (name if before.averaged else None)
        self._put(name, replace(before, source=name, bent_by=bent_by))

    def end(self, vector: str) -> None:
        """The network ends here: if dense layers made the vector, it may be the classes."""
        last = self._vectors[vector]
        if last.source not in self._found.dense:
            return
        op = next(op for op in self._found.ops if op["name"] == last.source)
        if op.get("function") == "sigmoid":
            # It makes probabilities of what the dense layer says.
            last = replace(last, source=op["inputs"][0], bent_by=None if last.bent_by == op["name"] else last.bent_by)
        self._ends.append(last)

    def finish(self) -> None:
        """Chooses the classes among the ends, and forgets dense layers that lead to none."""
        found, graph = self._found, Graph.from_json(self._found.ops)
        reaching = {op.name for op in graph.ancestors(end.source for end in self._ends)}
        found.ops = [op for op in found.ops if op["name"] in reaching or op["name"] not in found.dense]
        if not self._ends:
            return
        # Heads beside the way see less than the one at its end.
        classes = max(self._ends, key=lambda end: len(graph.ancestors([end.source])))
        found.logits = classes.source
        if classes.bent_by is not None:
            found.notes.append(
                f"classes are judged at each place of a picture, and {classes.bent_by!r} comes behind an average over "
                "it: they differ a little from the model's own"
            )

    def _put(self, name: str, vector: Vector) -> None:
        self._vectors[name] = vector
        self._found.dense.add(name)
