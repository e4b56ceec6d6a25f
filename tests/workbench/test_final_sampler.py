"""The sampler that is fitted at the end of a training, and what its run samples from."""

import warnings

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.recipes.registry import RECIPES
from elbowroom.samplers import default_sampler, fitted_samplers, load_sampler, sampler_path
from elbowroom.samplers.training_latents import MIN_STEPS
from elbowroom.workbench import final_sampler

pytestmark = pytest.mark.sampler
SMALL = {"latent": 2, "hidden": (8,)}


def train(name, data, path, steps=2, **options):
    recipe = RECIPES.find(name)
    arguments = {key: value for key, value in SMALL.items() if key in recipe.arguments}
    arguments |= {"latent": (4, 2), "hidden": (8, 8)} if name == "ladder_vae" else {}
    arguments |= {"labels": 10} if "labels" in recipe.arguments else {}
    return er.fit(*recipe(data.shape, seed=0, **arguments), data, steps=steps, out=path, report=False, **options)


@pytest.fixture
def gaussian_recipe():
    """A recipe that declares a sampler of its own."""

    @er.recipe("Example 2026", extends=er.recipes.vae, sampler="gaussian")
    def sampled_vae(shape, **rest):
        """The VAE with a sampler of its own."""
        return er.recipes.vae(shape, **rest)

    yield sampled_vae
    del RECIPES["sampled_vae"]


@pytest.mark.parametrize("name", ["vae", "autoencoder", "cvae", "m2", "vamp_vae", "ladder_vae", "vq_vae"])
def test_every_run_can_be_sampled(tmp_path, digits, name):
    if name not in RECIPES:
        pytest.skip(f"no recipe {name}")
    run = train(name, digits, tmp_path / "run")
    model = er.load(run)
    assert model.can_sample
    c = torch.eye(10)[:3] if model.is_conditional else None
    assert model.sample(3, c).shape == (3, *digits.shape)
    expected = [f"transformer:{MIN_STEPS}"] if name == "vq_vae" else ["mixture:10"]
    assert fitted_samplers(run) == expected
    assert (model.sampler is not None) == (not run.model().has_prior or name == "vq_vae")


def test_the_density_of_a_run_is_the_recipes_or_the_prior_or_that_of_the_training(tmp_path, digits, gaussian_recipe):
    runs = {name: train(name, digits, tmp_path / name) for name in ("vae", "autoencoder", "sampled_vae")}
    names = {name: default_sampler(run, run.model()) for name, run in runs.items()}
    assert names == {"vae": "prior", "autoencoder": "mixture:10", "sampled_vae": "gaussian"}
    assert fitted_samplers(runs["sampled_vae"]) == ["gaussian"]
    other = train("sampled_vae", digits, tmp_path / "other", sampler="mixture:3")
    assert default_sampler(other, other.model()) == "mixture:3"
    assert er.load(other, sampler="prior").sampler is None


def test_a_recipe_inherits_the_sampler_unless_it_has_its_own(gaussian_recipe):
    for name, own in (("inheriting_vae", {}), ("other_vae", {"sampler": "mixture:5"})):

        def function(shape, **rest):
            """One more VAE."""
            return er.recipes.vae(shape, **rest)

        function.__name__ = function.__qualname__ = name
        heir = er.recipe("Example 2026", extends=gaussian_recipe, **own)(function)
        assert heir.sampler == own.get("sampler", "gaussian")
        del RECIPES[name]


def test_load_and_the_command_line_draw_the_same(tmp_path, digits, capsys):
    run = train("autoencoder", digits, tmp_path / "run")
    assert main(["sample", str(run.path), "-n", "3", "--seed", "0", "--out", str(tmp_path / "x.npz")]) == 0
    assert "z ~ mixture:10 fitted to latents" in capsys.readouterr().out
    from elbowroom.data.readers.numpy import np
    from elbowroom.noise import seeded_rng

    with seeded_rng(0):
        own = er.load(run).sample(3)
    with np.load(tmp_path / "x.npz") as file:
        torch.testing.assert_close(torch.from_numpy(file["x"]), own)


def test_without_a_sampler_there_is_no_file(tmp_path, digits):
    run = train("autoencoder", digits, tmp_path / "run", sampler="none")
    assert not list(run.path.glob("sampler-*"))
    assert not er.load(run).can_sample


def test_resume_fits_the_sampler_again(tmp_path, digits):
    run = train("autoencoder", digits, tmp_path / "run")
    before = serialization.read_metadata(sampler_path(run, "mixture:10"))
    er.resume(run, steps=3)
    after = serialization.read_metadata(sampler_path(run, "mixture:10"))
    assert (before["step"], after["step"]) == ("2", "3")
    assert er.load(run).can_sample


def test_a_sampler_is_of_the_weights_that_are_kept(tmp_path, digits):
    run = train("vae", digits, tmp_path / "run", final_weights="best")
    assert load_sampler(run, "mixture:10").n_latents == final_sampler.MIN_EXAMPLES
    assert serialization.read_metadata(sampler_path(run, "mixture:10"))["step"] == str(run.weights_step)


def test_elbo_and_weights_are_those_without_a_sampler(tmp_path, digits):
    runs = [train("vae", digits, tmp_path / name, sampler=name) for name in ("none", "mixture:2")]
    first, second = (serialization.named_tensors(run.model()) for run in runs)
    assert all(first[name].equal(second[name]) for name in first)
    assert runs[0].metrics("test")[-1]["elbo"] == runs[1].metrics("test")[-1]["elbo"]


def test_a_model_with_a_sampler_trains_on_without_it(tmp_path, digits):
    model = er.load(train("autoencoder", digits, tmp_path / "first"))
    assert model.sampler is not None
    run = er.fit(model, er.Reconstruction(), digits, steps=2, out=tmp_path / "second", report=False, sampler="none")
    assert not any(name.startswith("sampler") for name in serialization.named_tensors(run.model()))


def test_few_examples_have_one_normal(tmp_path, digits):
    few = er.load_data(digits.train.first(15).x.numpy(), validation=0, test=0)
    run = train("vae", few, tmp_path / "run")
    assert fitted_samplers(run) == ["gaussian"]


def test_a_failure_is_a_warning_with_the_command(tmp_path, digits, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(final_sampler, "fit_to_model", fail)
    with pytest.warns(UserWarning, match=r"out of luck.*elbowroom fit-sampler .*run mixture:10"):
        run = train("vae", digits, tmp_path / "run")
    assert run.state == "finished"


def test_a_name_that_is_no_samplers_is_refused_before_anything_is_written(tmp_path, digits):
    with warnings.catch_warnings(), pytest.raises(ValueError, match="unknown sampler 'mixtur'"):
        train("vae", digits, tmp_path / "run", sampler="mixtur")
    assert not (tmp_path / "run").exists()
