"""Samplers of a run: saved in its directory and loaded again, for the weights that they were fitted to."""

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.samplers import (
    fit_sampler,
    fit_to_model,
    fitted_samplers,
    load_sampler,
    load_with_sampler,
    parse,
    save_sampler,
)
from tests.samplers.test_samplers import CASES, draw, quick


@pytest.fixture(scope="module")
def digits():
    return er.load_data("digits")


def train(digits, out, recipe="autoencoder", **arguments):
    model, objective = er.recipes.find(recipe)(digits.shape, **arguments)
    return er.fit(model, objective, digits, steps=2, out=out, sampler="none")


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    return train(digits, tmp_path_factory.mktemp("samplers") / "run", "cvae", latent=3)


@pytest.mark.parametrize("name", [name for name in CASES if parse(name)[0].requires_fit])
def test_it_is_saved_and_loaded_bit_for_bit(name, run):
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    sampler = quick(name, z)
    sampler.set_condition(torch.full((10,), 0.1), torch.randn(10, 3), torch.eye(3) * torch.rand(10, 1, 1))
    sampler.n_latents, sampler.seconds = 200, 0.25
    file = save_sampler(run, name, sampler)
    assert file.name == f"sampler-{name.replace(':', '-')}.safetensors"
    assert name in fitted_samplers(run)
    loaded = load_sampler(run, name)
    assert (loaded.n_latents, loaded.seconds) == (200, 0.25)
    condition = torch.eye(10)
    assert torch.equal(draw(loaded(condition), 3), draw(sampler(condition), 3))
    model = load_with_sampler(run, name)
    assert model.can_sample
    assert set(run.model().state_dict()) <= set(model.state_dict())
    assert torch.equal(draw(model.sampling_density(torch.arange(10)), 3), draw(sampler(condition), 3))


def test_a_run_is_fitted_sampled_and_listed(run):
    assert fit_sampler(run, "mixture").name == "sampler-mixture-10.safetensors"
    assert load_sampler(run, "mixture:10").n_latents > 1000
    assert load_with_sampler(run, "mixture").sample(10, torch.arange(10)).shape == (10, 1, 8, 8)
    names = fitted_samplers(run)
    assert names.index("mixture:10") >= 0
    assert names == sorted(names, key=lambda name: list(er.samplers.SAMPLERS).index(name.partition(":")[0]))


def test_the_prior_and_the_standard_normal_need_no_file(run):
    assert load_with_sampler(run, "prior").sampler is None
    assert load_sampler(run, "standard")().log_prob(torch.zeros(3)).item() == pytest.approx(-2.7568, abs=1e-3)
    assert load_with_sampler(run, "standard").sampler.size == 3
    for function in (fit_sampler, load_sampler):
        with pytest.raises(ValueError, match="the prior comes with the model"):
            function(run, "prior")


def test_a_file_from_before_names_had_options_is_loaded(digits, tmp_path):
    run = train(digits, tmp_path / "run", latent=2)
    tensors = {"loc": torch.tensor([1.0, 2.0]), "scale_tril": torch.eye(2)}
    about = {"weights": "final", "step": str(run.weights_step)}
    serialization.save(run.path / "sampler-gaussian.safetensors", tensors, about)
    assert fitted_samplers(run) == ["gaussian"]
    assert torch.equal(load_with_sampler(run, "gaussian").sampling_density().mean, torch.tensor([1.0, 2.0]))


def test_a_file_from_before_its_sampler_had_an_option_is_loaded(run):
    sampler = quick("flow-matching:500", torch.randn(200, 3, generator=torch.Generator().manual_seed(0)))
    path = save_sampler(run, "flow-matching", sampler)
    about = serialization.read_metadata(path) | {"name": "flow-matching"}
    path.unlink()
    serialization.save(run.path / "sampler-flow-matching.safetensors", serialization.named_tensors(sampler), about)
    assert "flow-matching:1500" in fitted_samplers(run)
    assert torch.equal(draw(load_sampler(run, "flow-matching")(), 3), draw(sampler(), 3))


def test_a_run_that_went_on_needs_another_fit(digits, tmp_path):
    run = train(digits, tmp_path / "run")
    fit_sampler(run, "gaussian")
    er.resume(run, steps=2 * run.weights_step)
    with pytest.raises(ValueError, match=r"the weights of step \d+, and now they are of step .*fit it again with"):
        load_with_sampler(run, "gaussian")
    fit_sampler(run, "gaussian")
    assert load_with_sampler(run, "gaussian").can_sample


def test_a_sampler_of_another_run_is_refused(digits, run, tmp_path):
    other = train(digits, tmp_path / "other", latent=2)
    save_sampler(other, "gaussian", fit_to_model(run.model(), digits.train, "gaussian"))
    with pytest.raises(ValueError, match=r"is for latents of 3 numbers, and those of .* have 2"):
        load_with_sampler(other, "gaussian")


def test_indices_are_not_numbers(digits):
    model, _ = er.recipes.vq_vae(digits.shape, latent=2, codes=4, dim=2, hidden=(8,))
    with pytest.raises(ValueError, match="sampler 'gaussian' needs latents that are numbers, which this model has not"):
        fit_to_model(model, digits.train, "gaussian")


def test_the_command_line_fits_and_samples(digits, tmp_path, capsys):
    train(digits, tmp_path / "run")
    run, png = str(tmp_path / "run"), tmp_path / "x.png"
    assert main(["sample", run, "--sampler", "mixture:2", "--out", str(png)]) == 2
    assert (
        f"has no sampler 'mixture:2' yet: fit it with 'elbowroom fit-sampler {run} mixture:2'"
        in capsys.readouterr().err
    )
    assert main(["fit-sampler", run, "mixture:2"]) == 0
    assert main(["sample", run, "--sampler", "mixture:2", "--out", str(png)]) == 0
    assert png.is_file()
    assert main(["fit-sampler", run, "gausian"]) == 2
    assert "unknown sampler 'gausian': did you mean 'gaussian'" in capsys.readouterr().err
    assert main(["fit-sampler", run, "mixture:ten"]) == 2
    assert "expected a whole number" in capsys.readouterr().err
    assert main(["sample", run, "--sampler", "gaussian", "--z", "0,0", "--out", str(png)]) == 2
