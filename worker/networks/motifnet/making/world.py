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

#: The network's classes: motifs that are told from each other at a glance, at 96 pixels too. The others appear beside
#: them and behind them, so that the network learns what is none of its business.
CLASSES = tuple(
    """
    agate arch balloon bat bee bird branch bricks bubbles butterfly cactus calligraphy castle cat cathedral circuits
    clock cloud clown coral crab cracks crown crystal daisy diamond dog dragon elephant eye face fan feather fern fish
    flame flamingo fox frog fur galaxy gear glass grass guitar hand hatching honeycomb horse hourglass impasto ink
    jellyfish knit labyrinth lace ladybird lantern leaf leopard lighthouse lion lotus mandala maple mask monkey moon
    mosaic mushroom nautilus octopus owl pagoda paisley palm panda parrot peacock pine pineapple planet plumage
    pyramid ram ripples rooster rose sailboat scales shark shell skull snail snake snow spider spiral star starry
    strawberry stripes strokes sunflower swan tartan temple tendrils tiger tiles torii tree turtle umbrella violin
    watercolour waves weave web wheel windmill
    """.split()  # noqa: SIM905 (a list would take a hundred lines)
)
