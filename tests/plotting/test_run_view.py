"""A view of a run: which examples it picks, and the labels of conditional models."""

import pytest
import torch

import elbowroom as er
from elbowroom.plotting import PLOTS, RunView, plot


def test_a_view_picks_the_same_examples_and_leaves_the_random_stream_alone(views):
    view = views("vae")
    before = torch.get_rng_state()
    other = RunView(view.run, view.data, examples=30)
    assert torch.equal(other.batch.index, view.batch.index[:30])
    assert torch.equal(other.samples(4), view.samples(4))
    assert torch.equal(view.data.test.first(400).x[view.batch.index], view.batch.x)
    for kind in ("samples", "nearest", "interpolations", "kl"):
        PLOTS[kind].build_spec(other)
    assert torch.equal(before, torch.get_rng_state())
    assert other.describe_examples(30) == "30 of 359 test examples of digits, picked with seed 0"
    assert RunView(view.run, view.data, examples=1000).describe_examples(359) == "all 359 test examples of digits"
    assert not torch.equal(RunView(view.run, view.data, examples=30, seed=1).batch.index, other.batch.index)


def test_a_conditional_model_is_shown_with_the_labels_of_its_examples(digits, tmp_path):
    class OneHot(torch.nn.Module):
        def forward(self, c):
            return torch.nn.functional.one_hot(c, 10).float()

    torch.manual_seed(0)
    encoder = er.Conditional(er.MLP((1, 8, 8), 10, size=4), er.DiagonalNormal(2))
    decoder = er.Conditional(er.MLP(2, 10, size=64), er.Bernoulli((1, 8, 8)))
    model = er.Model(encoder, decoder, er.Conditional(er.MLP(10, size=4), er.DiagonalNormal(2)), OneHot())
    run = er.fit(model, er.ELBO(), digits, steps=5, out=tmp_path / "run", device="cpu")
    view = RunView(run, digits, model, examples=40)
    for kind in ("reconstructions", "samples", "latents", "plane", "traversals", "interpolations", "kl", "nearest"):
        assert PLOTS[kind].build_spec(view).marks
    with pytest.raises(ValueError, match="no recipe made"):
        plot("samples", run)
