"""Animations as GIFs: a path through latents, and the images saved after the epochs of a training."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from torch import Tensor

from elbowroom.plotting.image_grid import to_pil_image

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

MAX_FRAMES = 100
FRAME_MS = 250
LAST_FRAME_MS = 2500
#: Colors of a frame's palette.
N_COLORS = 64
#: Duration of a frame of a path.
PATH_FRAME_MS = 80
#: Smaller images of a path are enlarged to this side.
PATH_SIDE_PX = 128


def loop_frames(x: Tensor) -> list[Image.Image]:
    """Return images (N, C, H, W) as frames that go forwards and backwards, so that they repeat without a jump.

    >>> import torch
    >>> len(loop_frames(torch.rand(5, 1, 8, 8)))
    8
    """
    zoom = max(1, PATH_SIDE_PX // max(x.shape[-2:]))
    images = [to_pil_image(example) for example in (*x, *x[1:-1].flip(0))]
    return [im.resize((im.width * zoom, im.height * zoom), Image.Resampling.NEAREST) for im in images]


def save_frames(frames: Sequence[Image.Image], target: Path | BytesIO) -> None:
    """Save frames as a GIF in an endless loop."""
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], duration=PATH_FRAME_MS, loop=0)


def write_gif(run: Run, path: Path) -> Path:
    """Join the images saved after epochs, reconstructions above samples, into a GIF.

    Args:
        run: a run on images.
        path: the file to write.

    Returns:
        The file.

    Raises:
        ValueError: the run saved no images.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> settings = {"epochs": 2, "max_overhead": 1, "out": tempfile.mkdtemp() + "/run"}
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, **settings)
    >>> with Image.open(write_gif(run, run.path / "training.gif")) as gif:
    ...     gif.n_frames
    2
    """
    _ = run.record  # that there is a run at all
    epochs = sorted(file.stem.partition("-")[2] for file in run.images.glob("reconstructions-*.png"))
    if not epochs:
        raise ValueError(
            f"{run.images} holds no images of epochs: they are saved after epochs, where examples are images"
        )
    step = -(-len(epochs) // MAX_FRAMES)
    # Counted from the end, so that the last epoch is always among them.
    frames = [_compose_frame(run.images, epoch) for epoch in epochs[::-1][::step][::-1]]
    size = max(frame.width for frame in frames), max(frame.height for frame in frames)
    frames = [_pad_and_quantize(frame, size) for frame in frames]
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)
    return path


def _compose_frame(folder: Path, epoch: str) -> Image.Image:
    """Stack the images saved after an epoch."""
    files = [folder / f"{kind}-{epoch}.png" for kind in ("reconstructions", "samples")]
    images = [Image.open(file).convert("RGB") for file in files if file.is_file()]
    frame = Image.new("RGB", (max(image.width for image in images), sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        # Aligned on the right, where both grids end, so that their columns stand above each other.
        frame.paste(image, (frame.width - image.width, top))
        top += image.height
    return frame


def _pad_and_quantize(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    padded = Image.new("RGB", size, "white")
    padded.paste(frame)
    return padded.quantize(N_COLORS, dither=Image.Dither.NONE)
