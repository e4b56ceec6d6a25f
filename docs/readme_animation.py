"""Draw the README's animation: ``python docs/readme_animation.py`` (MNIST, two latents, three minutes of one core)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.distributions import Normal

import elbowroom as er
from elbowroom.training.state import MODEL, STEP

TARGET = Path(__file__).parent / "images" / "readme.gif"
#: Images along the two sides of the plane.
COLUMNS, ROWS = 22, 11
#: Optimizer steps that are drawn: more of them early, where more happens.
DRAWN_STEPS = [20, 40, 60, 80, 110, 150, 200, 270, 360, 480, 640, 850, 1100, 1400, 1800, 2300, 2900]
#: Shades of gray: fewer make a smaller file.
SHADES = 24
FRAME_MS, LAST_FRAME_MS = 260, 2500


def draw_plane(model: er.GenerativeModel, step: int) -> Image.Image:
    """Return the images decoded over the plane, evenly in the prior's probability, with the step written below."""
    normal = Normal(0.0, 1.0)
    across, down = (normal.icdf(torch.linspace(0.03, 0.97, n)) for n in (COLUMNS, ROWS))
    z = torch.stack(torch.meshgrid(down.flip(0), across, indexing="ij"), -1).flip(-1).reshape(-1, 2)
    images = model.sample(z=z, draw=False).reshape(ROWS, COLUMNS, 28, 28).permute(0, 2, 1, 3).reshape(ROWS * 28, -1)
    pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    framed = np.concatenate([pixels, np.zeros((22, pixels.shape[1]), np.uint8)])
    image = Image.fromarray(framed)
    ImageDraw.Draw(image).text((6, ROWS * 28 + 5), f"{step:,} steps", fill=200)
    return image.quantize(SHADES)


def main() -> None:
    """Train, keep a frame at each of the steps, and write the animation."""
    data = er.load_data("mnist")
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(512, 256), seed=0)
    frames: list[Image.Image] = []

    @er.on.step
    def keep_frame(state: er.State) -> None:
        if state[STEP] in DRAWN_STEPS:
            frames.append(draw_plane(state[MODEL], state[STEP]))

    quiet = {"report": False, "progress": False, "sampler": "none", "watch": ()}
    out = Path(tempfile.mkdtemp()) / "run"
    er.fit(model, objective, data, steps=DRAWN_STEPS[-1], seed=0, out=out, callbacks=[keep_frame], **quiet)
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    frames[0].save(TARGET, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)
    print(TARGET)


if __name__ == "__main__":
    main()
