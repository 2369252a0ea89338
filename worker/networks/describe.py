"""Cards from topologies: what `shared.cards` knows of a network is computed here, once, and kept as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.cards import Card, Layer
from worker.networks.graph import DREAMT_ON, Graph


def describe(topology: Mapping[str, Any]) -> Card:
    """The card of the network of a topology file (see `worker/networks/motifnet/topology.json`)."""
    graph = Graph.from_json(topology["ops"])
    names: Mapping[str, list[str]] = topology["channel_names"]
    return Card(
        **{key: topology[key] for key in ("name", "summary", "licence", "min_size", "objective", "logits")},
        digest=topology["digest"],
        parameters=graph.parameters,
        mean=topology["mean"],
        scale=topology["scale"],
        layers=tuple(_layer(graph, op.name, names.get(op.name)) for op in graph.ops if op.kind in DREAMT_ON),
    )


def _layer(graph: Graph, name: str, channel_names: list[str] | None) -> Layer:
    field = graph.fields[name]
    return Layer(
        name=name,
        kind=graph.by_name[name].kind,
        channels=graph.channels(name),
        stride=field.stride,
        min_size=graph.smallest_picture(name),
        receptive_field=field.receptive_field,
        overhang_left=field.left,
        overhang_right=field.right,
        macs_per_pixel=round(graph.macs_per_pixel(name), 3),
        floats_per_pixel=round(graph.floats_per_pixel(name), 3),
        channel_names=None if channel_names is None else tuple(channel_names),
    )
