"""Keras' files: whole models (`.keras`, `.h5`), and the weights of published ones (`.h5`).

Files may come from anywhere. No code in them is run, and what they claim takes up no memory before it is checked: layers
are built without their weights, which then are what the file holds.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from worker.networks.collect import BadModel, Collection, Preprocessing, first_line
from worker.networks.from_keras import from_keras
from worker.networks.unpacking import most_unpacked

#: Networks whose weights are published without their layers, by the name they are registered under:
#: the function of keras.applications that has the layers, and how they want their pictures.
KERAS_LAYERS_OF: dict[str, tuple[str, Preprocessing]] = {
    "vgg16": ("VGG16", "caffe"),
    "vgg19": ("VGG19", "caffe"),
    "inception_v3": ("InceptionV3", "signed"),
}
#: The weights in a `.keras` file, as Keras writes them unless it is told otherwise.
_WEIGHTS = "model.weights.h5"


class _Held(keras.StatelessScope):  # type: ignore[misc]
    """Where variables have no values but those that are read from a file, up to so many bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(initialize_variables=False)
        self._left = most

    def add_update(self, update: tuple[Any, Any]) -> None:
        # A file can name the same numbers for any number of variables.
        variable, value = update
        self._left -= math.prod(variable.shape) * value.dtype.size
        if self._left < 0:
            raise BadModel("its layers take up more than the file holds")
        super().add_update(update)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        # Keras would give the variables first values when it next makes a model.
        keras.backend.clear_session()


def from_keras_file(name: str, file: Path, preprocessing: Preprocessing | None) -> Collection:
    """The network in a file, as `from_keras` has it; weights without layers are of the network `name`. Raises BadModel."""
    # Keras numbers nameless layers through the whole process; published names count from a fresh start.
    keras.backend.clear_session()
    with _Held(most_unpacked(file)):
        model, usual = _model(name, file)
        return from_keras(model, preprocessing or usual)


def _model(name: str, file: Path) -> tuple[Any, Preprocessing]:
    """A model, and how its pictures usually come."""
    try:
        if file.suffix == ".keras":
            _check_archive(file)
        else:
            with h5py.File(file) as weights:
                _check_weights(weights, file)
        if file.suffix == ".keras" or _has_layers(file):
            return keras.models.load_model(file, compile=False, safe_mode=True), "raw"
        if name not in KERAS_LAYERS_OF:
            raise BadModel(
                f"{file.name} holds weights without layers: save the whole model, or, if it is one of "
                f"{', '.join(KERAS_LAYERS_OF)}, register it under that name"
            )
        function, usual = KERAS_LAYERS_OF[name]
        model = getattr(keras.applications, function)(weights=None, include_top=_has_top(file))
        model.load_weights(file)
        return model, usual
    except BadModel:
        raise
    except (ValueError, OSError, TypeError, KeyError, AttributeError, RuntimeError, zipfile.BadZipFile) as error:
        raise BadModel(f"{file.name} cannot be read as a Keras model: {first_line(error)}") from error


def _check_archive(file: Path) -> None:
    """Raises BadModel for what would take up far more room than its file does."""
    with zipfile.ZipFile(file) as archive:
        _check_size(sum(member.file_size for member in archive.infolist()), file)
        if _WEIGHTS not in archive.namelist():
            raise BadModel(f"{file.name} holds no {_WEIGHTS}: save the model with its weights as HDF5")
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as weights:
            _check_weights(weights, file)


def _check_weights(weights: h5py.File, file: Path) -> None:
    """The same for arrays, which HDF5 packs, or leaves out where they hold nothing but one number."""
    sizes: list[int] = []

    def note(_name: str, found: h5py.HLObject) -> None:
        if isinstance(found, h5py.Dataset):
            sizes.append((found.size or 0) * found.dtype.itemsize)

    weights.visititems(note)
    _check_size(sum(sizes), file)


def _check_size(unpacked: int, file: Path) -> None:
    if unpacked > most_unpacked(file):
        raise BadModel(f"{file.name} would unpack to {unpacked / 1e6:,.0f} MB")


def _has_layers(file: Path) -> bool:
    """Whether an HDF5 file says how the layers are connected, and not just their weights."""
    with h5py.File(file) as weights:
        return "model_config" in weights.attrs


def _has_top(file: Path) -> bool:
    """Whether a file of weights has those of the dense layers, which make classes."""
    with h5py.File(file) as weights:
        # Keras has layers by their names in its files of 2016, and by their kinds under `layers` in newer ones.
        return "predictions" in weights or "layers/dense" in weights
