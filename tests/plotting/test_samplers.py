"""Samples of the prior and of a fitted sampler: what the figures show is what their captions say."""

import pytest
import torch

import elbowroom as er
from elbowroom.plotting import PLOTS, RunView, captions
from elbowroom.plotting.sample_source import find_source
from elbowroom.samplers import SAMPLERS
from elbowroom.samplers.base import LatentSampler


@pytest.fixture(scope="module")
def runs(digits, tmp_path_factory):
    """Runs with a fitted mixture, one with a prior and one without."""
    path = tmp_path_factory.mktemp("runs")
    runs = {}
    for name in ("vae", "autoencoder"):
        model = er.recipes.find(name)(digits.shape, seed=0, latent=2, hidden=(8,))
        runs[name] = er.fit(*model, digits, steps=5, out=path / name, report=False, sampler="none")
        er.fit_sampler(runs[name], "mixture:3")
    return runs


def test_samples_are_those_of_the_density_in_the_caption(runs):
    for name, words in (("vae", "z ~ p(z)"), ("autoencoder", "z ~ mixture:3 fitted to latents")):
        view = RunView(runs[name])
        spec = PLOTS["samples"].build_spec(view)
        with torch.random.fork_rng():
            torch.manual_seed(view.seed)
            expected = er.load(runs[name]).sample(64)
        torch.testing.assert_close(spec.marks[0].images.flatten(0, 1), expected)
        assert words in spec.caption
        assert ("prior" in spec.protocol) == (name == "vae")


def test_prior_and_sampler_are_beside_each_other_with_the_gain_of_the_sampler(runs):
    view = RunView(runs["vae"])
    spec = PLOTS["samplers"].build_spec(view)
    grid = spec.marks[0]
    assert grid.row_titles == ["prior"] * 3 + ["mixture:3"] * 3
    for rows, name in ((grid.images[:3], "prior"), (grid.images[3:], "mixture:3")):
        torch.testing.assert_close(rows.flatten(0, 1), find_source(view, name).samples(view, 30))
    assert "nats higher under the sampler" in spec.caption


def test_without_a_prior_there_is_nothing_to_compare(runs):
    with pytest.raises(ValueError, match="both a prior and a fitted sampler"):
        PLOTS["samplers"].build_spec(RunView(runs["autoencoder"]))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_caption_says_what_a_sampler_was_fitted_to(name):
    kind = SAMPLERS[name]
    is_of_latents = issubclass(kind, LatentSampler) and kind.requires_fit and not kind.is_discrete
    assert captions.sampler_words(name).endswith("fitted to latents") == is_of_latents
