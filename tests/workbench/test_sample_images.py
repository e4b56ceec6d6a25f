"""Images of samples during a training."""

import numpy as np
from PIL import Image

import elbowroom as er
from tests.training.helpers import small_model


def test_images_show_the_same_latents_each_time(digits, tmp_path):
    """Two epochs without learning draw the same samples: what changes between images is the model alone."""
    run = er.fit(*small_model(), digits, epochs=2, lr=1e-12, out=tmp_path / "run", device="cpu", max_overhead=1)
    first, second = (read_pixels(run.images / f"samples-{n:04d}.png")[:-30] for n in (1, 2))
    assert abs(first - second).max() <= 1


def read_pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)
