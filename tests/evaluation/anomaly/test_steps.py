"""Scores of steps: they add up to the score of the series, and windows are put together."""

from __future__ import annotations

import math

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.data import InMemorySplit
from elbowroom.evaluation.anomaly.steps import join_windows, score_steps
from elbowroom.masked_shape import MaskedShape


@pytest.mark.parametrize("name", ["time_vae", "vrae", "vrnn"])
def test_scores_of_steps_add_up_to_that_of_the_series(name):
    x = torch.randn(7, 2, 8)
    x[0, :, 6:] = math.nan
    x[1, 0, 3] = math.nan
    model, _ = getattr(er.recipes, name)(MaskedShape((2, 8)), latent=2, seed=0)
    model.eval()
    scores = score_steps(model, InMemorySplit(x), batch_size=3)
    assert scores[0].isnan().tolist() == [False] * 6 + [True] * 2
    assert scores[1].isfinite().all()
    with noise.zero_noise(), torch.no_grad():
        expected = -model.draw(x).log_px[0]
    torch.testing.assert_close(scores.nansum(1), expected)


def test_windows_share_their_steps():
    x = torch.tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [0.0, 0.0, math.nan]])
    columns = join_windows(x, ["a@0", "a@2", "b@c"])
    assert columns["series"] == ["a"] * 5 + ["b@c"] * 2
    assert columns["step"] == [0, 1, 2, 3, 4, 0, 1]
    assert columns["score"] == [1, 2, 4, 6, 7, 0, 0]


def test_images_have_no_steps():
    model, _ = er.recipes.vae((1, 4, 4), latent=2)
    with pytest.raises(ValueError, match="not series"):
        score_steps(model, InMemorySplit(torch.zeros(2, 1, 4, 4)))
