"""Animation of a training: the images saved after epochs as a GIF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

MAX_FRAMES = 100
FRAME_MS = 250
LAST_FRAME_MS = 2500
#: Colors of a frame's palette.
N_COLORS = 64


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
