"""Batch manifests: many jobs in a file (csv, json, ndjson, yaml) or a folder of pictures, and sweeps over them.

A job is written as in the wire format (`shared.specs`), with three liberties for people and for tables:

- pictures are paths, relative to the manifest, or ids of assets (`sha256:…`);
- a key may be a path (`octaves.scale`) or one of the short names of the command line (`SHORT`: `size`, `octave_scale`);
- layers, styles and masks may be text: `layer` is `mixed4c:eye=0.5; mixed3a`, `style` is `sea.jpg=2; wood.jpg`, and
  `mask` is `sky.png; -`, in the order of the styles.

`complete` brings such a job into the wire format, but for the pictures; `with_assets` then replaces those.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.manifest_files import READERS, Job, ManifestError, Mistake
from shared.problems import problems_of
from shared.specs import MAX_BATCH_JOBS, SPEC, AnySpec, DreamSpec, StyleSpec, unused_by

#: Short names of fields, on the command line (with hyphens), in manifests and in sweeps.
SHORT = {
    "size": "size.long_edge",
    "aspect": "size.aspect",
    "octaves": "octaves.count",
    "octave_scale": "octaves.scale",
    "gradient": "gradient.normalise",
    "blur": "gradient.blur",
    "decorrelate": "gradient.decorrelate",
    "tiling": "tiling.mode",
    "tile": "tiling.tile",
    "halo": "tiling.halo",
    "frames": "frames.every",
    "frames_every": "frames.every",
    "output": "output.format",
    "format": "output.format",
    "bits": "output.bits",
    "optimizer": "optimizer.method",
    "history": "optimizer.history",
    "quality": "output.quality",
}
#: Fields that are a choice of numbers: unlike those of other fields, these are not read from text.
_NUMBERS = frozenset({"output.bits"})
#: Fields that are text, whatever it begins with.
_TEXT = frozenset({"kind", "name", "model", "preset", "input", "content", "guide", "animation"})
#: What a folder is searched for.
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif"})
MANIFEST_SUFFIXES = frozenset(f".{format}" for format in READERS)
#: Characters of a job's name.
_LONGEST_NAME = 200
#: In a list of masks, a style that has none.
NO_MASK = "-"
#: Stands for pictures that are not uploaded yet, while jobs are checked and planned.
NOT_UPLOADED = "sha256:" + 64 * "0"


@dataclass(frozen=True)
class Entry:
    """A job of a manifest: where it stands there, for messages, and its fields as `complete` leaves them."""

    where: str
    job: Job


@dataclass(frozen=True)
class Sweep:
    """A field and the values it shall take, one after another."""

    key: str
    values: tuple[str, ...]


def read(path: Path) -> list[Entry]:
    """The jobs of a manifest file, or one dream for each picture in a folder, in the order of the names.

    Pictures' paths come out joined to the manifest's folder. Raises ManifestError.
    """
    if path.is_dir():
        pictures = sorted(p for p in path.iterdir() if _is_picture(p))
        if not pictures:
            raise _error(f"the folder {path} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
        return [Entry(p.name, {"kind": "dream", "name": name_of(str(p)), "input": str(p)}) for p in pictures]
    if path.suffix.lower() not in MANIFEST_SUFFIXES:
        raise _error(f"{path} is no manifest: it should end with {', '.join(sorted(MANIFEST_SUFFIXES))}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise _error(f"{path} cannot be read: {error.strerror or error}") from None
    entries = parse(text, path.suffix.lower().removeprefix("."), path.parent)
    if not entries:
        raise _error(f"{path} holds no jobs")
    return entries


def _is_picture(path: Path) -> bool:
    # Beside each picture that a Mac copies to another kind of disk, it leaves a `._name` with its notes about it.
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def parse(text: str, format: str, folder: Path) -> list[Entry]:
    """The jobs in a manifest's text. `format`: one of READERS. Raises ManifestError."""
    entries, mistakes = [], []
    for where, fields in READERS[format](text):
        try:
            job = complete(fields)
        except ManifestError as error:
            mistakes += [Mistake(where, m.field, m.message) for m in error.mistakes]
            continue
        entries.append(Entry(where, _named(with_assets(job, lambda reference: str(folder / reference)))))
    if mistakes:
        raise ManifestError(*mistakes)
    return entries


def complete(fields: Mapping[str, Any]) -> Job:
    """A job in the wire format, but for its pictures. Raises ManifestError for keys that contradict each other."""
    job: Job = {}
    written = {key.strip().replace("-", "_"): value for key, value in fields.items()}
    # Masks belong to styles, whichever stands first.
    for key in sorted(written, key=_is_mask):
        _set(job, key, written[key])
    job.setdefault("kind", "style" if "content" in job or "styles" in job else "dream")
    return job


def change(job: Mapping[str, Any], changes: Mapping[str, Any]) -> Job:
    """A job with some fields set anew; the others stay. Raises ManifestError."""
    changed: Job = copy.deepcopy(dict(job))
    for key, value in changes.items():
        _set(changed, key.strip().replace("-", "_"), value)
    return changed


def parse_setting(text: str) -> tuple[str, str]:
    """`key=value` as a pair. Raises ManifestError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise _error(f"{text!r} should be key=value, such as step=2 or octaves.scale=1.3")
    return key.strip(), value.strip()


def parse_settings(texts: Iterable[str]) -> dict[str, str | None]:
    """`key=value` pairs; the value `null` takes a field away. Raises ManifestError."""
    pairs = map(parse_setting, texts)
    return {key: None if value == "null" else value for key, value in pairs}


def parse_sweep(text: str) -> Sweep:
    """`key=a,b,c`; whole numbers may be a range, `seed=1..20`. Raises ManifestError."""
    key, values = parse_setting(text)
    swept = [value for part in values.split(",") for value in _range(part.strip())]
    if "" in swept:
        raise _error(f"the sweep {text!r} has an empty value; write key=a,b,c")
    return Sweep(key, tuple(swept))


def sweep(entries: Sequence[Entry], sweeps: Sequence[Sweep]) -> list[Entry]:
    """Every entry with every combination of the sweeps' values, which are added to the jobs' names.

    Raises ManifestError, also when that makes more jobs than a batch may have.
    """
    fields = [_field(s.key) for s in sweeps]
    if again := next((s.key for i, s in enumerate(sweeps) if fields[i] in fields[:i]), None):
        raise _error(f"{again} is swept twice; give all its values at once: {again}=a,b,c")
    count = len(entries) * math.prod(len(s.values) for s in sweeps)
    if count > MAX_BATCH_JOBS:
        raise _error(f"that makes {count:,} jobs; a batch has up to {MAX_BATCH_JOBS:,}")
    if not sweeps:
        return list(entries)
    combinations = list(itertools.product(*([(s.key, value) for value in s.values] for s in sweeps)))
    return [_swept(entry, values) for entry in entries for values in combinations]


def check(entries: Iterable[Entry]) -> list[DreamSpec | StyleSpec]:
    """The specifications of the entries (with a stand-in for pictures that are paths). Raises ManifestError with all
    mistakes that can be found without the pictures and the network."""
    specs, mistakes = [], []
    for entry in entries:
        try:
            spec = SPEC.validate_python(with_assets(entry.job, lambda _: NOT_UPLOADED))
        except ValidationError as error:
            problems = problems_of(error, AnySpec)
        else:
            problems = unused_by(spec)
            specs.append(spec)
        mistakes += [Mistake(entry.where, p.field, p.message) for p in problems]
    if mistakes:
        raise ManifestError(*mistakes)
    return specs


def pictures(entries: Iterable[Entry]) -> list[str]:
    """The paths of all pictures the entries name, each once, in order of appearance."""
    found: dict[str, None] = {}
    for entry in entries:
        with_assets(entry.job, lambda reference: found.setdefault(reference) or reference)
    return list(found)


def with_assets(job: Mapping[str, Any], look_up: Callable[[str], str]) -> Job:
    """The job with `look_up(path)` in place of each picture that is not given as an asset's id."""

    def replaced(value: Any) -> Any:
        return look_up(value) if isinstance(value, str) and not value.startswith("sha256:") else value

    def placed(part: Mapping[str, Any], names: Iterable[str]) -> Job:
        return {key: replaced(value) if key in names else value for key, value in part.items()}

    found = placed(job, ("input", "guide", "content"))
    if isinstance(found.get("styles"), (list, tuple)):
        found["styles"] = [
            placed(style, ("asset", "mask")) if isinstance(style, Mapping) else style for style in found["styles"]
        ]
    return found


def parse_layer(text: str) -> Job:
    """`layer`, `layer:channel`, `layer=weight` or `layer:channel=weight` as a term of an objective."""
    name, weight = _weighted(text)
    layer, colon, channel = name.partition(":")
    if not layer or (colon and not channel):
        raise _error(f"{text!r} should be layer, layer:channel, layer=weight or layer:channel=weight", "layer")
    return {"layer": layer} | ({"channel": channel} if colon else {}) | weight


def parse_style(text: str) -> Job:
    """`picture` or `picture=weight` as one of a job's styles."""
    name, weight = _weighted(text)
    return {"asset": name} | weight


def _weighted(text: str) -> tuple[str, dict[str, float]]:
    """The text before the last `=` when a number follows it; else all of it, because file names may hold a `=`."""
    name, equals, number = text.strip().rpartition("=")
    if not equals:
        return text.strip(), {}
    try:
        return name.strip(), {"weight": float(number)}
    except ValueError:
        return text.strip(), {}


def _set(job: Job, key: str, value: Any) -> None:
    """Set one field, given by path or short name."""
    if key in ("layer", "layers") or (key == "objective" and isinstance(value, str) and value[:1] != "["):
        key, value = "objective", [parse_layer(term) for term in _terms(value, key)]
    elif key in ("style", "styles") and not isinstance(value, list):
        key, value = "styles", [parse_style(term) for term in _terms(value, key)]
    elif _is_mask(key):
        key, value = "styles", _masked(job.get("styles"), _terms(value, key))
    elif key in SHORT and not isinstance(value, Mapping):
        key = SHORT[key]
    if key in _NUMBERS and isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, str) and value[:1] in ("[", "{") and key not in _TEXT:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise _error(f"this looks like JSON but is not: {error}", key) from None
    *parents, last = key.split(".")
    at = job
    for part in parents:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise _error(f"{'.'.join(parents)} is given as a whole already; give either it or its parts", key)
    if isinstance(at.get(last), dict) and isinstance(value, dict):
        value = {**at[last], **value}
    at[last] = value


def _is_mask(key: str) -> bool:
    return key in ("mask", "masks")


def _masked(styles: Any, masks: Sequence[str]) -> list[Job]:
    """Styles with their masks, in order."""
    if not isinstance(styles, (list, tuple)) or not all(isinstance(style, Mapping) for style in styles):
        raise _error("there is no style to lay there; name the styles too", "mask")
    if len(masks) > len(styles):
        raise _error(
            f"there are {len(masks)} masks for {len(styles)} styles; each belongs to a style, in order", "mask"
        )
    found = [dict(style) for style in styles]
    for style, mask in zip(found, masks, strict=False):
        style["mask"] = None if mask.strip() == NO_MASK else mask.strip()
    return found


def _terms(value: Any, key: str) -> list[str]:
    if value is None:
        raise _error("this cannot be taken away; give another value", key)
    terms = value if isinstance(value, (list, tuple)) else str(value).split(";")
    if not all(isinstance(term, str) and term.strip() for term in terms):
        raise _error(f"{value!r} should be text, with ; between several", key)
    return list(terms)


def _range(text: str) -> list[str]:
    ends = re.fullmatch(r"(-?\d{1,18})\.\.(-?\d{1,18})", text)
    if ends is None:
        return [text]
    first, last = int(ends[1]), int(ends[2])
    if not 0 <= last - first < MAX_BATCH_JOBS:
        raise _error(f"the range {text} should rise, and by less than {MAX_BATCH_JOBS:,}")
    return [str(value) for value in range(first, last + 1)]


def _field(key: str) -> str:
    """The path of the field that a key or short name stands for."""
    name = key.replace("-", "_")
    return SHORT.get(name, name)


def _swept(entry: Entry, values: Sequence[tuple[str, str]]) -> Entry:
    job = change(entry.job, dict(values))
    suffix = " ".join(f"{key}={value}" for key, value in values)
    name = str(entry.job.get("name") or job["kind"])
    stem = Path(name).stem if Path(name).suffix.lower() in PICTURE_SUFFIXES else name
    # A name that is too long loses its middle: what differs stands at its end.
    room = max(0, _LONGEST_NAME - len(suffix) - 1)
    job["name"] = f"{stem[:room]} {suffix}"[-_LONGEST_NAME:].strip()
    return Entry(f"{entry.where}, {suffix}" if entry.where else suffix, job)


def _named(job: Job) -> Job:
    """A job without a name gets its picture's."""
    picture = job.get("input", job.get("content"))
    if "name" in job or not isinstance(picture, str) or picture.startswith("sha256:"):
        return job
    return {"name": name_of(picture)} | job


def name_of(picture: str) -> str:
    """A job's name after its picture's path. Of a file name that is no text, what cannot be read becomes `?`."""
    return Path(picture).name.encode("utf-8", "replace").decode()[:_LONGEST_NAME]


def _error(message: str, field: str = "", where: str = "") -> ManifestError:
    return ManifestError(Mistake(where, field, message))
