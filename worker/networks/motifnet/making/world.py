"""The whole drawn world: importing this module registers every motif."""

from __future__ import annotations

from collections.abc import Mapping

from worker.networks.motifnet.making import (
    beasts,
    birds,
    buildings,
    creatures,
    fabrics,
    faces,
    flowers,
    fruit,
    insects,
    machines,
    monuments,
    ornaments,
    people,
    plants,
    sanctuaries,
    sea,
    shells,
    skins,
    sky,
    strokes,
    textures,
    things,
)
from worker.networks.motifnet.making.motif import MOTIFS, Motif

#: The modules that define motifs: a family each.
FAMILIES = (
    *(people, faces, beasts, creatures, birds, sea, shells, insects, flowers, plants, fruit),
    *(buildings, sanctuaries, monuments, things, machines, sky, ornaments, textures, skins, fabrics, strokes),
)

#: Every motif by name, in the order of the network's classes: that of the alphabet, whatever is imported first.
WORLD: Mapping[str, Motif] = {name: MOTIFS[name] for name in sorted(MOTIFS)}
NAMES = tuple(WORLD)
