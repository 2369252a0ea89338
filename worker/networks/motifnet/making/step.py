"""One step of training as a pure function: attack the batch, then learn it. The same code runs on both backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from worker.networks.motifnet.making.backend import compiled, differentiated
from worker.networks.motifnet.making.config import Config

#: AdamW's decay rates; the second is short because trainings are.
_BETA1, _BETA2 = 0.9, 0.99


class State(NamedTuple):
    """All that a step changes: lists of arrays in the order of the model's variables."""

    trainable: list[Any]
    #: Moving averages of the batch normalisation.
    frozen: list[Any]
    #: AdamW's moving averages of the gradients and of their squares.
    first: list[Any]
    second: list[Any]


#: From (state, pictures (B, S, S, 3) uint8, shares (B, K) float32, L2 radius, learning rate, number of the step from 1)
#: to (state, loss, accuracy).
Step = Callable[[State, Any, Any, Any, Any, Any], tuple[State, Any, Any]]


class Trainer:
    """A model and the compiled step over its variables."""

    def __init__(self, model: keras.Model, config: Config) -> None:
        self.model, self._config = model, config
        self.step: Step = compiled(self._step)
        #: The same with an attack on the first half of the batch only.
        self.half_step: Step = compiled(self._half_step)
        #: The same without an attack; the radius does not matter.
        self.plain_step: Step = compiled(self._plain_step)
        self.attack: Callable[[State, Any, Any, Any], Any] = compiled(self._attack)
        self.logits: Callable[[State, Any], Any] = compiled(self._logits)

    def state(self) -> State:
        """The variables' values, and the optimiser before its first step."""
        model = self.model
        trainable, frozen = (
            [ops.convert_to_tensor(ops.copy(variable.value)) for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        return State(trainable, frozen, *([ops.zeros_like(value) for value in trainable] for _ in range(2)))

    def store(self, state: State) -> None:
        """Gives the model the state's weights."""
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        for variable, value in zip(variables, [*state.trainable, *state.frozen], strict=True):
            variable.assign(value)

    def _step(
        self, state: State, pictures: Any, shares: Any, radius: Any, rate: Any, number: Any
    ) -> tuple[State, Any, Any]:
        return self._learn(state, self._attack(state, pictures, shares, radius), shares, rate, number)

    def _half_step(
        self, state: State, pictures: Any, shares: Any, radius: Any, rate: Any, number: Any
    ) -> tuple[State, Any, Any]:
        half = pictures.shape[0] // 2
        attacked = self._attack(state, pictures[:half], shares[:half], radius)
        return self._learn(state, ops.concatenate([attacked, _floats(pictures[half:])]), shares, rate, number)

    def _plain_step(
        self, state: State, pictures: Any, shares: Any, radius: Any, rate: Any, number: Any
    ) -> tuple[State, Any, Any]:
        del radius
        return self._learn(state, _floats(pictures), shares, rate, number)

    def _learn(self, state: State, shown: Any, shares: Any, rate: Any, number: Any) -> tuple[State, Any, Any]:
        def loss(trainable: list[Any]) -> Any:
            logits, frozen = self.model.stateless_call(trainable, state.frozen, shown, training=True)
            return self._loss(logits, shares), (logits, frozen)

        (value, (logits, frozen)), gradients = differentiated(loss)(state.trainable)
        trainable, first, second = self._adamw(state, gradients, rate, number)
        return State(trainable, list(frozen), first, second), value, _accuracy(logits, shares)

    def _logits(self, state: State, pictures: Any) -> Any:
        """What the network says to pictures (B, S, S, 3) in 0–255: (B, K)."""
        return self.model.stateless_call(state.trainable, state.frozen, _floats(pictures), training=False)[0]

    def _adamw(self, state: State, gradients: list[Any], rate: Any, number: Any) -> Any:
        """AdamW (Loshchilov and Hutter 2019): new weights and moving averages.

        Keras' own optimiser is no pure function on TensorFlow, and a step that resumes to the same bits has to be one.
        """
        norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients))
        factor = ops.minimum(1.0, self._config.clip_norm / (norm + 1e-12))
        gradients = [gradient * factor for gradient in gradients]
        first = [_BETA1 * m + (1 - _BETA1) * g for m, g in zip(state.first, gradients, strict=True)]
        second = [_BETA2 * v + (1 - _BETA2) * ops.square(g) for v, g in zip(state.second, gradients, strict=True)]
        unbias1, unbias2 = 1 - ops.power(_BETA1, number), 1 - ops.power(_BETA2, number)
        trainable = []
        for weight, m, v in zip(state.trainable, first, second, strict=True):
            change = (m / unbias1) / (ops.sqrt(v / unbias2) + 1e-7)
            # Offsets and the factors of normalisation have no scale of their own to keep small.
            decay = self._config.weight_decay if len(weight.shape) > 1 else 0.0
            trainable.append(weight - rate * (change + decay * weight))
        return trainable, first, second

    def _attack(self, state: State, pictures: Any, shares: Any, radius: Any) -> Any:
        """The pictures, float32, each moved to where the loss is highest within its ball (Madry et al. 2018, in L2).

        Within a batch the radii go evenly from a quarter of `radius` to all of it, so that small changes are learnt too.
        """
        clean = _floats(pictures)
        radii = ops.reshape(ops.linspace(0.25, 1.0, clean.shape[0]), (-1, 1, 1, 1)) * radius

        def loss(moved: Any) -> Any:
            logits, _ = self.model.stateless_call(state.trainable, state.frozen, moved, training=False)
            return self._loss(logits, shares), ()

        change = ops.zeros_like(clean)
        steps = self._config.attack_steps
        for k in range(steps):
            _, gradient = differentiated(loss)(clean + change)
            # The first step goes to the border; the others correct the direction and come back to the ball.
            change = change + radii * (1.0 if k == 0 else 0.75) * gradient / _norms(gradient)
            change = change * ops.minimum(1.0, radii / _norms(change))
        return ops.stop_gradient(clean + change)

    def _loss(self, logits: Any, shares: Any) -> Any:
        smoothing = self._config.label_smoothing
        wanted = shares * (1 - smoothing) + smoothing / shares.shape[-1]
        return -ops.mean(ops.sum(wanted * ops.log_softmax(logits), axis=-1))


def _floats(pictures: Any) -> Any:
    return ops.cast(pictures, "float32")


def _norms(x: Any) -> Any:
    """The L2 norm of each picture, (B, 1, 1, 1)."""
    return ops.sqrt(ops.sum(ops.square(x), axis=(1, 2, 3), keepdims=True)) + 1e-12


def _accuracy(logits: Any, shares: Any) -> Any:
    """The share of pictures whose likeliest class is what they were drawn for."""
    right = ops.equal(ops.argmax(logits, axis=-1), ops.argmax(shares, axis=-1))
    return ops.mean(ops.cast(right, "float32"))
