"""The commands that submit: dream, style, batch, rerun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.command import Json, Misused, add
from api.cli.options import JobOptions
from api.cli.planning import print_total
from api.cli.submitting import Out, Overwrite, Then, Watch, checked, one_each, submit
from api.remote.errors import FarmError
from shared.manifest_files import Job
from shared.manifests import NOT_UPLOADED, Entry, change, check, parse_settings, parse_sweep, read, sweep
from shared.specs import DreamSpec, StyleSpec, assets_of

if TYPE_CHECKING:
    from api.client import Farm

_PANEL = "Submit"
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a field of every job, as octaves.scale=1.3; may be repeated"),
]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    add(app, dream, panel=_PANEL, job=JobOptions(DreamSpec))
    add(app, style, panel=_PANEL, job=JobOptions(StyleSpec))
    add(app, batch, panel=_PANEL)
    add(app, rerun, panel=_PANEL)


def dream(
    farm: Farm,
    fields: Job,
    pictures: Annotated[list[str] | None, typer.Argument(metavar="PICTURE", help="Without: from noise")] = None,
    watch: Watch = False,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Submit dreams, one for each picture.

    What is not given comes from the preset. Prints the job's ID (of several pictures: the batch's).

    Example: dreamfarm dream castle.jpg --layer mixed4c:eye=0.5 --layer mixed3a --watch --out dreams
    """
    entries = one_each(fields, "input", pictures or []) or [Entry("", fields)]
    submit(farm, entries, Then(watch, out, as_json, overwrite), single=len(entries) == 1)


def style(
    farm: Farm,
    fields: Job,
    contents: Annotated[list[str], typer.Argument(metavar="CONTENT", help="The pictures to be restyled")],
    watch: Watch = False,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Submit style transfers, one for each content picture.

    What is not given comes from the preset. Prints the job's ID (of several pictures: the batch's).

    Example: dreamfarm style castle.jpg --style wood.jpg=2 --style sea.jpg --watch --out styled

    Example: dreamfarm style castle.jpg --style wood.jpg --mask walls.png --style sea.jpg --mask sky.png
    """
    if not fields.get("styles"):
        raise Misused("a style transfer needs a picture to take the style from: --style PICTURE")
    entries = one_each(fields, "content", contents)
    submit(farm, entries, Then(watch, out, as_json, overwrite), single=len(entries) == 1)


def batch(
    farm: Farm,
    manifest: Annotated[
        Path, typer.Argument(exists=True, metavar="MANIFEST|FOLDER", help="csv, json, ndjson, yaml; or pictures")
    ],
    sweeps: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="KEY=A,B,C", help="Every job with each value (seed=1..9: a range); repeatable"),
    ] = None,
    settings: Settings = None,
    name: Annotated[str | None, typer.Option(help="The batch's name (default: the manifest's)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show jobs, work, time, memory; submit nothing")] = False,
    watch: Watch = False,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Submit many jobs, all or nothing: those of a manifest, or a dream of each picture in a folder.

    A manifest's jobs have the fields of the API's, or the names of `dream`'s and `style`'s options; their pictures are
    paths beside the manifest. Prints the batch's ID.

    Example: dreamfarm batch photos/ --sweep layer=mixed3b,mixed4c --sweep step=1,2 --dry-run
    """
    changes = parse_settings(settings or [])
    swept = [parse_sweep(text) for text in sweeps or []]
    entries = sweep([Entry(e.where, change(e.job, changes)) for e in read(manifest)], swept)
    if dry_run:
        print_total(farm, checked(entries), as_json=as_json)
        return
    submit(farm, entries, Then(watch, out, as_json, overwrite), name=name or manifest.resolve().name)


def rerun(
    farm: Farm,
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="An output, the manifest beside it, or a job's ID")],
    settings: Settings = None,
    pictures: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="PICTURE", help="An input that the farm does not have (any more); repeatable"),
    ] = None,
    watch: Watch = False,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Submit again what an output was made from, changed where wanted.

    Example: dreamfarm rerun castle-dream.png --set seed=8 --set size=4096 --watch --out .
    """
    changes = parse_settings(settings or [])
    if "preset" in changes:
        raise Misused("an output's specification has every field already, so another preset would change nothing")
    if Path(output).exists():
        spec = _spec_in(Path(output))
    elif output[:1] == "j" and output.isalnum():
        spec = farm.job(output).spec
    else:
        raise Misused(f"there is no file {output}")
    entry = Entry("", change(_proportioned(spec, changes), changes))
    checked([entry])
    for picture in pictures or []:
        farm.upload(picture)
    _check_inputs(farm, entry)
    submit(farm, [entry], Then(watch, out, as_json, overwrite), single=True)


def _proportioned(spec: Job, changes: Job) -> Job:
    """The specification, which gives up its own aspect to a picture: the two were taken together once."""
    fields = {**spec, **changes}
    return change(spec, {"aspect": 1.0}) if fields.get("input") or fields.get("content") else spec


def _check_inputs(farm: Farm, entry: Entry) -> None:
    """See that the farm has the pictures that are named by their digests. Raises Misused."""
    (spec,) = check([entry])
    for field, asset in assets_of(spec).items():
        if asset == NOT_UPLOADED:
            continue
        try:
            farm.asset(asset)
        except FarmError as error:
            if error.status != 404:
                raise
            raise Misused(
                f"the farm does not have the {field} any more ({asset}): name its file with --input"
            ) from None


def _spec_in(output: Path) -> Job:
    """The specification in an output, or in the manifest beside it. Raises Misused, OSError."""
    from shared.outputs import NoManifest, manifest_in, parse_manifest
    from shared.pictures import PictureError

    data = output.read_bytes()
    try:
        manifest = parse_manifest(data.decode("utf-8", "replace")) if output.suffix == ".json" else manifest_in(data)
    except (NoManifest, PictureError) as error:
        raise Misused(f"{output}: {error}") from None
    return manifest.spec.model_dump(mode="json")
