"""The animation of a training."""

import numpy as np
import pytest
from PIL import Image

from elbowroom.cli import main
from elbowroom.plotting import write_gif


def test_an_animation_has_a_frame_for_every_epoch(views, tmp_path, capsys):
    run = views("vae").run
    assert main(["plot", "training", str(run.path), "--out", str(tmp_path / "run.gif")]) == 0
    with Image.open(tmp_path / "run.gif") as gif:
        assert gif.n_frames == 2
        assert gif.info["loop"] == 0
        first = np.asarray(gif.convert("L")).astype(int)
        gif.seek(1)
        second = np.asarray(gif.convert("L")).astype(int)
    assert first.shape == second.shape
    assert np.abs(first - second).max() > 20
    with pytest.raises(ValueError, match="holds no images of epochs"):
        write_gif(views("table").run, tmp_path / "no.gif")
