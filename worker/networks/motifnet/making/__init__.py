"""The making of motifnet: a drawn world, training on it, and a judge. For development only: no wheel holds it."""
