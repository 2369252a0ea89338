"""Mistakes and failures that a person can do something about: shown as a sentence, never as a traceback."""

from __future__ import annotations


class Failed(Exception):
    """Something could not be done (exit code 1); the message says what, why and what to do."""


class Misused(Exception):
    """A command was used wrongly (exit code 2); the message says what was wrong and what is right."""
