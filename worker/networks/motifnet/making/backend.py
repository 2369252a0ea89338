"""The two things that Keras leaves to its backends: derivatives and compilation. TensorFlow and JAX are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

Function = Callable[..., Any]


def differentiated(function: Function) -> Function:
    """A function f(x, *more) → (number, rest), x an array or a list of them, as one to ((number, rest), derivative)."""
    if _backend() == "jax":
        import jax

        derived: Function = jax.value_and_grad(function, has_aux=True)
        return derived

    import tensorflow as tf

    def with_tape(x: Any, *more: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            number, rest = function(x, *more)
        return (number, rest), tape.gradient(number, x)

    return with_tape


def compiled(function: Function) -> Function:
    """The function as one program, compiled at its first call."""
    if _backend() == "jax":
        import jax

        program: Function = jax.jit(function)
        return program

    import tensorflow as tf

    traced: Function = tf.function(function, autograph=False)
    return traced


def _backend() -> str:
    name: str = keras.backend.backend()
    if name not in ("jax", "tensorflow"):
        raise SystemExit(f"KERAS_BACKEND is {name!r}; the training runs with 'tensorflow' or 'jax'")
    return name
