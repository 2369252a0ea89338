"""The commands that render in this process: render dream, render style, classify, verify."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.text import Text

from api.cli.command import Failed, Json, Misused, add, err, group, out, print_json
from api.cli.options import JobOptions
from api.cli.planning import plan_here
from api.cli.submitting import checked, one_each
from deploy.rendering import decoded, open_bench, rendered, shrunk
from shared.manifest_files import Job
from shared.manifests import Entry, with_assets
from shared.names import cut, part_of
from shared.specs import SPEC, DreamSpec, StyleSpec, assets_of

if TYPE_CHECKING:
    from api.client import Farm
    from deploy.inprocess import Rendered
    from shared.pixels import Pixels

_PANEL = "Without a farm"
#: Long edge in pixels at which pictures are classified: networks know things at this size and below.
_LOOKED_AT = 1024
Folder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the outputs go", rich_help_panel="What comes out")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    render = group(
        "Render in this process, without a farm.",
        "dreamfarm render dream castle.jpg --out dreams",
        "dreamfarm render style castle.jpg --style sea.jpg --out styled",
    )
    add(render, render_dream, name="dream", job=JobOptions(DreamSpec, queued=False))
    add(render, render_style, name="style", job=JobOptions(StyleSpec, queued=False))
    app.add_typer(render, name="render", rich_help_panel=_PANEL)
    for command in (classify, verify):
        add(app, command, panel=_PANEL)


def render_dream(
    fields: Job,
    pictures: Annotated[list[str] | None, typer.Argument(metavar="PICTURE", help="Without: from noise")] = None,
    folder: Folder = Path(),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Render dreams in this process, one for each picture. Prints the outputs' paths.

    With --frames-every the frames are kept, in a folder beside the output.

    Example: dreamfarm render dream castle.jpg --preset lapnorm --size 1024 --out dreams
    """
    entries = one_each(fields, "input", pictures or []) or [Entry("", fields)]
    _render(entries, fields, _Place(folder, overwrite), as_json=as_json)


def render_style(
    fields: Job,
    contents: Annotated[list[str], typer.Argument(metavar="CONTENT", help="The pictures to be restyled")],
    folder: Folder = Path(),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Render style transfers in this process, one for each content picture. Prints the outputs' paths.

    With --frames-every the frames are kept, in a folder beside the output.

    Example: dreamfarm render style castle.jpg --style sea.jpg --keep-colors --out styled
    """
    if not fields.get("styles"):
        raise Misused("a style transfer needs a picture to take the style from: --style PICTURE")
    _render(one_each(fields, "content", contents), fields, _Place(folder, overwrite), as_json=as_json)


def classify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A network's name")],
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", exists=True, dir_okay=False)],
    top: Annotated[int, typer.Option("--top", min=1, metavar="N", help="How many classes")] = 5,
    as_json: Json = False,
) -> None:
    """Tell what a network sees in a picture: its likeliest classes.

    Example: dreamfarm classify motifnet castle.jpg
    """
    from shared.cards import UnknownModel, card

    rgb = _seen(picture)
    try:
        smallest = card(model).min_size
    except UnknownModel as error:
        raise Misused(str(error.args[0])) from None
    if min(rgb.shape[:2]) < smallest:
        raise Misused(
            f"{picture} is {rgb.shape[1]}×{rgb.shape[0]} pixels; {model} needs {smallest} on the shorter side"
        )
    bench = open_bench(model)
    from worker.networks import NoClasses
    from worker.networks import classify as classes

    try:
        found = classes(bench.network, shrunk(rgb, _LOOKED_AT, smallest), top)
    except NoClasses as error:
        raise Misused(str(error)) from None
    if as_json:
        print_json([{"class": name, "probability": probability} for name, probability in found])
        return
    for name, probability in found:
        out.print(Text(f"{100 * probability:5.1f} %  ").append(name, style="bold"), soft_wrap=True)


def verify(
    farm: Farm,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", exists=True, dir_okay=False, help="An output's file")],
    pictures: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="PICTURE", help="An input; without, the farm is asked for it; may be repeated"),
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, max=255, metavar="X", help="Differences up to X of 255 count as none")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Render an output again from the manifest inside it, and compare. Exit code 1 when it comes out differently.

    Other processors and other versions of TensorFlow round the last bits otherwise: for outputs of other machines,
    allow a tolerance.

    Example: dreamfarm verify castle-j4k2.png --input castle.jpg
    """
    from shared.outputs import NoManifest, manifest_in
    from shared.pictures import PictureError

    data = output.read_bytes()
    try:
        manifest = manifest_in(data)
    except (NoManifest, PictureError) as error:
        raise Misused(f"{output}: {error}") from None
    given = {_digest(path.read_bytes()): path.read_bytes() for path in pictures or []}
    inputs = {field: decoded(_input(farm, asset, given), asset) for field, asset in manifest.inputs.items()}
    bench = open_bench(manifest.spec.model)
    if manifest.model.sha256 not in (bench.network.digest, bench.network.weights_digest):
        raise Failed(f"{output} was made with another {manifest.model.name} (SHA-256 {manifest.model.sha256})")
    again = rendered(bench, manifest.spec, inputs, output.name, like=manifest.tiling)
    from deploy.verifying import compare  # brings TensorFlow

    try:
        result = compare(data, again, manifest, tolerance=tolerance)
    except PictureError as error:
        raise Failed(f"{output}: {error}") from None
    if as_json:
        print_json(result.as_json())
    else:
        style = "green" if result.same else "red"
        out.print(
            Text("✓ same" if result.same else "✗ different", style=style).append(f"  {result.told}", style="default")
        )
    if not result.same:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Place:
    """Where outputs go, and whether they may replace what is there."""

    folder: Path
    overwrite: bool

    def files(self, name: str, spec: DreamSpec | StyleSpec, *, keep_frames: bool) -> _Files:
        """The paths of a new output and of what comes with it. Raises Misused when something is there."""
        output = self.folder / name
        files = _Files(
            output=output,
            manifest=output.with_suffix(".json"),
            animation=output.with_name(f"{output.stem}-animation.{spec.animation}") if spec.animation else None,
            frames=output.with_name(f"{output.stem}-frames") if keep_frames else None,
        )
        for path in () if self.overwrite else files.there():
            raise Misused(f"{path} is there already; choose another folder (--out), or allow --overwrite")
        return files


@dataclass(frozen=True)
class _Files:
    """Where what a job becomes is written: its output, and beside it what is named after that."""

    output: Path
    manifest: Path
    animation: Path | None
    #: A folder.
    frames: Path | None

    def there(self) -> Iterator[Path]:
        """Those that exist; a folder for frames counts when something is in it."""
        yield from (path for path in (self.output, self.manifest, self.animation) if path and path.exists())
        if self.frames and self.frames.exists() and not (self.frames.is_dir() and not any(self.frames.iterdir())):
            yield self.frames


def _render(entries: Sequence[Entry], fields: Mapping[str, Any], place: _Place, *, as_json: bool) -> None:
    """Render the entries, one after another; what can be refused is refused before the first one."""
    checked(entries)
    notes = dict.fromkeys(note for entry in entries for note in plan_here(entry).notes)
    jobs = [_resolved(entry) for entry in entries]
    keep = "frames" in fields
    places = [
        place.files(_name(entry, spec), spec, keep_frames=keep) for entry, (spec, _) in zip(entries, jobs, strict=True)
    ]
    # A Mac's or Windows' disk takes names that differ by capitals, or by how an accent is written, for one.
    if len({unicodedata.normalize("NFC", str(files.output)).casefold() for files in places}) < len(places):
        raise Misused(
            "two of the pictures have the same name (but for capitals); render them into different folders (--out)"
        )
    for note in notes:
        err.print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
    place.folder.mkdir(parents=True, exist_ok=True)
    bench = open_bench(jobs[0][0].model)
    made = []
    for (spec, pictures), files in zip(jobs, places, strict=True):
        inputs = {field: decoded(Path(file).read_bytes(), file) for field, file in pictures.items()}
        output = files.output
        result = rendered(bench, spec, inputs, spec.name or output.stem, keep_frames=keep)
        written = _write(result, files)
        made.append({"output": str(output), "seconds": result.seconds, "files": [str(p) for p in written]})
        if not as_json:
            out.print(str(output), markup=False, soft_wrap=True)
    if as_json:
        print_json(made)


def _resolved(entry: Entry) -> tuple[DreamSpec | StyleSpec, dict[str, str]]:
    """The specification, with its pictures' true digests, and the pictures' files by field."""
    files: dict[str, str] = {}

    def look_up(path: str) -> str:
        digest = _digest(Path(path).read_bytes())
        files[digest] = path
        return digest

    spec = SPEC.validate_python(with_assets(entry.job, look_up))
    return spec, {field: files[asset] for field, asset in assets_of(spec).items()}


def _name(entry: Entry, spec: DreamSpec | StyleSpec) -> str:
    source = entry.job.get("input", entry.job.get("content"))
    stem = f"{cut(Path(str(source)).stem)}-{spec.kind}" if source else f"{spec.preset}-{spec.seed}"
    return f"{stem}.{spec.output.suffix}"


def _write(result: Rendered, files: _Files) -> list[Path]:
    """Write everything that was made; the output last, so that where it is, all is."""
    contents: dict[Path, bytes] = {files.manifest: result.manifest.model_dump_json(indent=1).encode()}
    if result.animation is not None and files.animation is not None:
        contents[files.animation] = result.animation
    if files.frames is not None:
        files.frames.mkdir(exist_ok=True)
        contents |= {files.frames / f"{number:05d}.jpg": data for number, data in result.frames.items()}
    for name, data in contents.items():
        with _replacing(name) as file:
            file.write(data)
    with _replacing(files.output) as file:
        result.write(file)
    return [*contents, files.output]


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the name once it is whole, and leaves nothing when it does not get there."""
    part = part_of(path)
    try:
        with part.open("w+b") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _input(farm: Farm, asset: str, given: Mapping[str, bytes]) -> bytes:
    from api.client import FarmError

    if asset in given:
        return given[asset]
    try:
        return farm.download(asset)
    except FarmError as error:
        raise Failed(f"the input {asset} is needed: name its file with --input ({error.message})") from None


def _seen(path: Path) -> Pixels:
    """What is seen of a picture (H, W, 3), as of styles and guides: what hides under its transparency does not count."""
    from shared.pictures import PictureError

    picture = decoded(path.read_bytes(), str(path))
    try:
        return picture.over_mean
    except PictureError:
        raise Misused(f"{path} is transparent everywhere: there is nothing to be seen in it") from None


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
