"""Runs on the Hugging Face Hub: the snapshot of a repository, of its JSON and safetensors files alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

from elbowroom import __version__

#: The files of a repository that are downloaded: a run's, and those of an autoencoder of diffusers. None is a pickle.
FILES = (
    *("recipe.json", "metrics.jsonl", "evaluation.json", "model.safetensors", "sampler-*.safetensors"),
    *("config.json", "diffusion_pytorch_model.safetensors"),
)
#: ``hf://OWNER/NAME``, with ``@REVISION`` where it is not the main branch; a path has one of its slashes.
_ADDRESS = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
#: Where the cache of huggingface_hub has a revision of a repository.
_SNAPSHOT = re.compile(r"(?:^|/)models--(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)/snapshots/[^/]+$")


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return the folder of a run: itself, or for an address on the hub that of its snapshot, downloaded if need be.

    The snapshot lies in the cache of huggingface_hub, whose settings (``HF_HOME``, ``HF_HUB_OFFLINE``, a token) hold.

    Args:
        path: a folder, or ``hf://OWNER/NAME`` with ``@REVISION`` for a branch, a tag or a commit.

    Raises:
        ValueError: the address is none, or the repository cannot be downloaded; the package is missing.

    >>> local_path("runs/vae-1").name
    'vae-1'
    >>> local_path("hf://vae-1")
    Traceback (most recent call last):
    ValueError: hf://vae-1 is no address of a model: write hf://OWNER/NAME, or hf://OWNER/NAME@REVISION
    """
    text = str(path)
    if not text.startswith("hf:/"):
        return Path(path)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no address of a model: write hf://OWNER/NAME, or hf://OWNER/NAME@REVISION")
    return _download(match["repository"], match["revision"])


def run_name(folder: Path) -> str:
    """Return the name of a run: that of its directory, or of its repository, where it is a snapshot of one.

    >>> run_name(Path("cache/models--someone--faces/snapshots/0123abc")), run_name(Path("runs/vae-1"))
    ('someone/faces', 'vae-1')
    """
    snapshot = _SNAPSHOT.search(folder.as_posix())
    return f"{snapshot['owner']}/{snapshot['name']}" if snapshot else folder.resolve().name


def _download(repository: str, revision: str | None) -> Path:
    """Return the folder of the snapshot of a repository.

    Raises:
        ValueError: it cannot be downloaded and is not in the cache; the package is missing.
    """
    address = f"hf://{repository}{f'@{revision}' if revision else ''}"
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ValueError(f"{address} needs the package {error.name}: pip install 'elbowroom[hub]'") from None
    try:
        snapshot = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(FILES),
            library_name="elbowroom",
            library_version=__version__,
        )
    except (OSError, ValueError, LookupError) as error:  # the errors of huggingface_hub are of these kinds
        raise ValueError(f"{address} cannot be downloaded: {first_line(error)}") from None
    return Path(snapshot)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message that has words, without the full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
