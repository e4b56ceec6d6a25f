"""A training as a film."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

#: Frames of a film, at most; milliseconds of a frame, and of the last.
MAX_FRAMES, FRAME_MS, LAST_FRAME_MS = 100, 250, 2500


def write_gif(run: Run, path: Path) -> Path:
    """Join the pictures that were saved after each epoch, reconstructions above samples, into a GIF.

    Raises:
        ValueError: the run saved no pictures.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, epochs=2, out=tempfile.mkdtemp() + "/run")
    >>> Image.open(write_gif(run, run.path / "training.gif_response")).n_frames
    2
    """
    epochs = sorted(file.stem.partition("-")[2] for file in run.images.glob("reconstructions-*.png"))
    if not epochs:
        raise ValueError(
            f"{run.images} holds no pictures of epochs: they are saved after each, where examples are pictures"
        )
    every = -(-len(epochs) // MAX_FRAMES)
    # The last epoch is always among them.
    frames = [_compose_frame(run.images, epoch) for epoch in epochs[::-1][::every][::-1]]
    size = max(frame.width for frame in frames), max(frame.height for frame in frames)
    sheets = [_pad_and_quantize(frame, size) for frame in frames]
    times = [FRAME_MS] * (len(sheets) - 1) + [LAST_FRAME_MS]
    sheets[0].save(path, save_all=True, append_images=sheets[1:], duration=times, loop=0, optimize=True)
    return path


def _compose_frame(folder: Path, epoch: str) -> Image.Image:
    """What was saved after an epoch, one picture above the other."""
    files = [folder / f"{kind}-{epoch}.png" for kind in ("reconstructions", "samples")]
    pictures = [Image.open(file).convert("RGB") for file in files if file.is_file()]
    frame = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        # Both sheets end on the right together, so that their columns stand above each other.
        frame.paste(picture, (frame.width - picture.width, top))
        top += picture.height
    return frame


def _pad_and_quantize(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    sheet = Image.new("RGB", size, "white")
    sheet.paste(frame)
    return sheet.quantize(64, dither=Image.Dither.NONE)
