"""Dense layers as convolutions: what a network computes behind its last cells, as layers that can be dreamt on.

A dense layer behind s × s flattened cells is an unpadded convolution with a kernel of s × s; one behind a global average
is a 1×1 convolution before it, whose mean over the picture is what the network computes. On pictures of the size that
the network was made for the classes are the network's own; larger ones are judged at many places.
"""

from __future__ import annotations

from dataclasses import dataclass
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


class Vectors:
    """The vectors among an importer's nodes, by the node's name."""

    def __init__(self, found: Collection) -> None:
        self._found = found
        self._vectors: dict[str, Vector] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._vectors

    def average(self, name: str, source: str) -> None:
        """The mean over all cells of the operation `source`."""
        self._vectors[name] = Vector(source, averaged=True)

    def flatten(self, name: str, source: str, side: int) -> None:
        """All numbers of the operation `source`, when it has `side` × `side` cells."""
        pool = next(op for op in self._found.ops if op["name"] == source)
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
        self._put(name, averaged=before.averaged)
        self._end(name)

    def biased(self, name: str, vector: str, bias: FloatArray) -> None:
        """A bias (out,) added to a dense layer, which takes over the name. Raises BadModel."""
        before = self._vectors[vector]
        if self._found.kind(before.source) != "conv" or bias.shape != (self._found.channels(before.source),):
            raise BadModel(f"{name!r} adds {bias.shape} numbers to what is no dense layer of that many")
        self._found.fold(before.source, np.ones_like(bias), bias)
        self._found.rename(before.source, name)
        self._put(name, averaged=before.averaged)
        self._end(name)

    def affine(self, name: str, vector: str, factor: FloatArray, offset: FloatArray) -> None:
        """Each number times a factor, plus an offset, both (in,). Raises BadModel."""
        before = self._vectors[vector]
        self._found.affine(name, before.source, factor, offset)
        self._put(name, before.side, averaged=before.averaged)

    def activated(self, name: str, vector: str, kind: Kind, **shape: Any) -> None:
        """A function of each number."""
        before = self._vectors[vector]
        channels = self._found.channels(before.source)
        if before.averaged:
            self._found.notes.append(
                f"classes are judged at each place of a picture, and {name!r} comes behind an average over it: "
                "they differ a little from the model's own"
            )
        self._found.op(name, kind, [before.source], channels, **shape)
        self._put(name, before.side, averaged=before.averaged)

    def _put(self, name: str, side: int = 1, *, averaged: bool) -> None:
        self._vectors[name] = Vector(name, side, averaged)
        self._found.dense.add(name)

    def _end(self, name: str) -> None:
        """Takes a dense layer for the classes, if it sees more than the last one that was."""
        graph, last = Graph.from_json(self._found.ops), self._found.logits
        if last not in graph.by_name or len(graph.ancestors([name])) > len(graph.ancestors([str(last)])):
            self._found.logits = name
