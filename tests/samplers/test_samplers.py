"""Contract of every sampler: it fits latents, is a prior in every respect, is saved with the run and read back."""

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.cli import main
from elbowroom.samplers import SAMPLERS, fit_sampler, load_with_sampler


@pytest.fixture(params=["gaussian", "mixture"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def digits():
    return er.load_data("digits")


def train(digits, out, recipe="autoencoder", **arguments):
    model, objective = er.recipes.find(recipe)(digits.shape, **arguments)
    return er.fit(model, objective, digits, steps=5, out=out)


def latents(n=4000):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 3, generator=generator) @ torch.tensor([[1.0, 0, 0], [0.5, 2, 0], [-1, 0.3, 0.1]]) + 1


def test_its_draws_have_the_mean_and_the_covariance_of_the_latents(name):
    z, torch_seed = latents(), torch.manual_seed(1)
    assert torch_seed
    drawn = SAMPLERS[name].fit(z)().sample((20_000,))
    torch.testing.assert_close(drawn.mean(0), z.mean(0), atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), z.T.cov(), atol=0.2, rtol=0.05)


def test_it_is_a_density(name):
    p = SAMPLERS[name].fit(latents())()
    assert p.event_shape == (3,)
    assert p.log_prob(latents()).mean() > p.log_prob(latents() + 3).mean()
    assert SAMPLERS[name].fit(latents())(torch.zeros(5, 2)).sample().shape == (5, 3)


def test_its_draws_come_from_the_noise_source(name):
    p = SAMPLERS[name].fit(latents())()
    with noise.keyed_noise(0, torch.arange(4)):
        first = p.sample((1, 4))
    with noise.keyed_noise(0, torch.arange(4)):
        torch.testing.assert_close(p.sample((1, 4)), first, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("recipe", "arguments"), [("autoencoder", {}), ("vae", {"latent": 3}), ("cvae", {}), ("ladder_vae", {}), ("m2", {})]
)
def test_a_run_is_sampled_from_it(name, digits, tmp_path, recipe, arguments):
    run = train(digits, tmp_path / "run", recipe, **arguments)
    file = fit_sampler(run, name)
    assert file.parent == run.path
    model = load_with_sampler(run, name)
    assert model.can_sample
    assert model.has_prior == run.model().has_prior
    c = torch.arange(6) if model.requires_labels else None
    assert model.sample(6, c).shape == (6, *digits.shape)
    # Again from the file, the same; the weights of the run are as they were.
    draws = []
    for loaded in (model, load_with_sampler(run, name)):
        torch.manual_seed(0)
        draws.append(loaded.draw_latents(6, c))
    assert torch.equal(*draws)
    assert set(run.model().state_dict()) <= set(model.state_dict())


def test_a_run_that_went_on_needs_another_fit(digits, tmp_path):
    run = train(digits, tmp_path / "run")
    fit_sampler(run, "gaussian")
    er.resume(run, steps=2 * run.weights_step)
    with pytest.raises(ValueError, match=r"the weights of step \d+, and now they are of step .*fit it again with"):
        load_with_sampler(run, "gaussian")
    fit_sampler(run, "gaussian")
    assert load_with_sampler(run, "gaussian").can_sample


def test_the_command_line_fits_and_samples(digits, tmp_path, capsys):
    train(digits, tmp_path / "run")
    run, png = str(tmp_path / "run"), tmp_path / "x.png"
    assert main(["sample", run, "--sampler", "gaussian", "--out", str(png)]) == 2
    assert "fit it with 'elbowroom fit-sampler" in capsys.readouterr().err
    assert main(["fit-sampler", run]) == 0
    assert main(["sample", run, "--sampler", "gaussian", "--out", str(png)]) == 0
    assert png.is_file()
    assert main(["fit-sampler", run, "gausian"]) == 2
    assert "unknown sampler 'gausian': did you mean 'gaussian'" in capsys.readouterr().err
    assert main(["sample", run, "--sampler", "gaussian", "--z", "0,0", "--out", str(png)]) == 2


def test_what_it_cannot_be_fitted_to(name, digits, tmp_path):
    for recipe, arguments in (("vq_vae", {}), ("hierarchical_vae", {"size": "s"})):
        with pytest.raises(ValueError, match="latents that are vectors of numbers"):
            fit_sampler(train(digits, tmp_path / recipe, recipe, **arguments), name)
    with pytest.raises(ValueError, match="needs at least 4 examples"):
        SAMPLERS["gaussian"].fit(latents(3))
