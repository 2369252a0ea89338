"""motifnet: the network that dreamfarm brings along, trained on 43 motifs that a program draws."""
