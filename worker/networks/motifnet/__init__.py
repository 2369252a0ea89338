"""motifnet: the network that dreamfarm brings along, trained on 121 motifs that a program draws."""
