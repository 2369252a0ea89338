"""Identifiers: short, random, unambiguous when read aloud, told apart by their first letter."""

from __future__ import annotations

import secrets

#: Crockford's base 32: no i, l, o, u.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: 55 bits: a farm of a hundred million jobs meets a collision with a probability of 14 %, and the insert then fails.
_LENGTH = 11


def new_id(letter: str) -> str:
    """A new identifier that starts with `letter`: `j` for jobs, `b` for batches, `k` for keys."""
    bits = secrets.randbits(5 * _LENGTH)
    return letter + "".join([_ALPHABET[bits >> shift & 31] for shift in range(0, 5 * _LENGTH, 5)])


def new_token() -> str:
    """An attempt's token."""
    return secrets.token_hex(16)
