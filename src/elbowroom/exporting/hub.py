"""Export of a run as a model repository of the Hugging Face Hub: weights, recipe, samplers and a model card."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from elbowroom import serialization
from elbowroom.exporting.export import ExportedFile
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.exporting.hub_card import CARD_FILE, UNCHOSEN_LICENSE, Preview, render_card
from elbowroom.plotting import PLOTS
from elbowroom.plotting.matplotlib_backend import draw_figure
from elbowroom.runs.evaluations import copy_evaluations
from elbowroom.runs.hub import FILES, first_line
from elbowroom.runs.record import public_record, without_folders
from elbowroom.runs.run import Run
from elbowroom.samplers import current_samplers, load_sampler, save_sampler

PREVIEW_FILE = "samples.png"
#: The line of a card by which a folder is known to be such an export, which another one may replace.
_MARK = "library_name: elbowroom"


def export_hub(
    run: Run | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    data: Any = None,
    *,
    license: str | None = None,
    push: str | None = None,
) -> list[ExportedFile]:
    """Export a run as a model repository of the Hugging Face Hub; ``er.load("hf://OWNER/NAME")`` loads it from there.

    The folder is a run directory with what others need of it: ``model.safetensors``, ``recipe.json``, the metrics, the
    samplers that were fitted to these weights, samples as an image, and a model card: recipe and paper, data and its
    protocol, the kept evaluations, the doctor's findings and the auditor's verdicts. The record is without the command
    line, the machine and the folders of paths. Names of columns, categories and classes of the data are in it, since
    examples are coded by them.

    Args:
        run: the run, or its directory.
        folder: to write; an export that is there is replaced.
        data: what it was trained on, if that was given as a Python object.
        license: of the model, as "apache-2.0". Nobody but you can choose it: without one the card says so.
        push: "OWNER/NAME": upload the folder to this repository, with the token of huggingface_hub. If there is no such
            repository it is made, private.

    Returns:
        The files, and the address of the upload.

    Raises:
        ValueError: no recipe made the model, the folder holds other files, nothing can be written there; the upload
            needs a license, is refused, or its package is missing.

    >>> import tempfile, elbowroom as er
    >>> data, folder = er.load_data("digits"), tempfile.mkdtemp()
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=folder + "/run")
    >>> _ = er.export_hub(run, folder + "/hub", license="mit")
    >>> er.load(folder + "/hub").sample(3).shape
    torch.Size([3, 1, 8, 8])
    """
    if push and not license:
        raise ValueError(f"--push {push} needs --license NAME, as apache-2.0: without one nobody may use the model")
    view = ExportedRun(run, data)
    if view.record["recipe"] is None:
        raise ValueError(f"{view.run.path} was trained on a model that no recipe made, which nobody else could load")
    view.model.cpu().eval()
    try:
        files = _write_folder(view, Path(folder), license, push)
    except OSError as error:
        raise ValueError(f"cannot write to {folder} ({error.strerror or error}): give another folder") from None
    return [*files, *([_upload(Path(folder), push)] if push else [])]


def _write_folder(view: ExportedRun, folder: Path, license: str | None, push: str | None) -> list[ExportedFile]:
    """Write all files, the card last."""
    _clear(folder, view.run.path)
    exported = _write_run(view, folder)
    samplers = [_copy_sampler(view.run, exported, name) for name in current_samplers(view.run)]
    preview = _write_preview(view, folder / PREVIEW_FILE)
    card = render_card(view, exported, preview, license, push)
    with serialization.atomic_path(folder / CARD_FILE) as temporary:
        temporary.write_text(card, encoding="utf-8")
    chosen = f"model card, license {license}" if license else f"model card: choose its license, now {UNCHOSEN_LICENSE}"
    return [
        ExportedFile(exported.weights, view.run.describe_weights()),
        ExportedFile(folder / "recipe.json", "recipe, data and settings, without folders and machine"),
        *samplers,
        *([ExportedFile(folder / preview.file, preview.caption)] if preview else []),
        ExportedFile(folder / CARD_FILE, chosen),
    ]


def _clear(folder: Path, source: Path) -> None:
    """Make the folder, or remove the files of an elder export from it.

    Raises:
        ValueError: it holds other files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [path for path in folder.iterdir() if path.name not in (".git", ".gitattributes")]
    card = folder / CARD_FILE
    is_export = card.is_file() and _MARK in card.read_text(encoding="utf-8")
    if folder.samefile(source) or (found and not is_export):
        raise ValueError(f"{folder} holds other files ({found[0].name}): give a folder that is new or empty")
    for pattern in (*FILES, PREVIEW_FILE, CARD_FILE):
        for path in folder.glob(pattern):
            path.unlink()


def _write_run(view: ExportedRun, folder: Path) -> Run:
    """Write record, weights, metrics and evaluations: a run directory whose final weights are those of the view."""
    run, exported = view.run, Run(folder)
    about = serialization.read_metadata(run.selected_weights) | {"step": str(run.weights_step)}
    serialization.save(exported.weights, serialization.named_tensors(view.module), about)
    exported.record = public_record(view.record)
    exported.write_record()
    last_step = run.weights_step
    for row in run.metrics():
        if row["step"] <= last_step:
            exported.log(without_folders(row))
    copy_evaluations(run, exported)
    return exported


def _copy_sampler(run: Run, exported: Run, name: str) -> ExportedFile:
    """Save a sampler with the exported run, whose weights have another name there."""
    return ExportedFile(save_sampler(exported, name, load_sampler(run, name)), f"sampler {name}")


def _write_preview(view: ExportedRun, path: Path) -> Preview | None:
    """Draw samples; nothing where the model has none."""
    try:
        spec = PLOTS.find("samples").build_spec(view)
    except ValueError:
        return None
    draw_figure(spec).savefig(path)
    return Preview(path.name, f"{spec.caption} Drawn: {spec.protocol}.")


def _upload(folder: Path, repository: str) -> ExportedFile:
    """Upload a folder to a repository of the hub, which is made, private, if there is none."""
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ValueError(f"--push needs the package {error.name}: pip install 'elbowroom[hub]'") from None
    try:
        api = HfApi(library_name="elbowroom")
        api.create_repo(repository, private=True, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Upload of a model", delete_patterns=list(FILES)
        )
    except (OSError, ValueError, LookupError) as error:  # the errors of huggingface_hub are of these kinds
        raise ValueError(f"cannot upload {folder} to {repository}: {first_line(error)}") from None
    return ExportedFile(folder, f"uploaded to {commit.repo_url if commit is not None else repository}")
