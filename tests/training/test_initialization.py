"""Initialization from training examples: when it happens, what it draws, and what it is for."""

import pytest
import torch

import elbowroom as er
from elbowroom.comparing import pca
from elbowroom.training.initialization import initialize_from_data
from elbowroom.workbench.fit import resume


def make(name, **arguments):
    torch.manual_seed(0)
    return er.recipes.find(name)((1, 8, 8), **arguments)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def is_equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


STARTS_FROM_DATA = {
    "vamp_vae": {"latent": 2, "components": 7, "hidden": (16,)},
    "autoencoder": {"latent": 3, "linear": True},
}


@pytest.mark.parametrize("name", STARTS_FROM_DATA)
def test_the_draw_is_that_of_the_seed_and_of_nothing_else(name, digits):
    models = [make(name, **STARTS_FROM_DATA[name])[0] for _ in range(3)]
    state = torch.get_rng_state()
    for model, seed in zip(models, (1, 1, 2), strict=True):
        initialize_from_data(model, digits.train, seed)
    assert torch.equal(torch.get_rng_state(), state)
    first, again, other = map(weights, models)
    assert is_equal(first, again)
    assert not is_equal(first, other)
    initialize_from_data(models[0], digits.train, 5)
    assert is_equal(first, weights(models[0]))


@pytest.mark.parametrize("name", STARTS_FROM_DATA)
def test_only_a_new_run_starts_from_data(name, digits, tmp_path):
    """A loaded model, and one that is trained again, keep their weights."""
    model, objective = make(name, **STARTS_FROM_DATA[name])
    untouched = weights(model)
    settings = {"steps": 1, "lr": 1e-9, "device": "cpu", "watch": (), "report": False}
    run = er.fit(model, objective, digits, out=tmp_path / "run", **settings)
    trained = weights(model)
    assert not is_equal(untouched, trained)
    for source in (model, run.model()):
        er.fit(source, objective, digits, out=tmp_path / f"again{source is model}", **settings | {"seed": 9})
        for key, tensor in trained.items():
            torch.testing.assert_close(source.state_dict()[key], tensor, rtol=0, atol=1e-6)


def test_a_model_without_examples_is_left_alone(digits):
    model, _ = make("vae", hidden=(8,))
    before = weights(model)
    initialize_from_data(model, digits.train, 0)
    assert is_equal(before, weights(model))


def test_an_interrupted_run_goes_on_from_its_checkpoint(digits, tmp_path):
    class Stop(er.Callback):
        def step(self, state):
            if state[er.training.state.STEP] == 3:
                state[er.training.state.STOP] = "interrupted"

    settings = {"steps": 6, "device": "cpu", "watch": (), "report": False}
    arguments = STARTS_FROM_DATA["vamp_vae"]
    whole = er.fit(*make("vamp_vae", **arguments), digits, out=tmp_path / "whole", **settings)
    cut = er.fit(*make("vamp_vae", **arguments), digits, out=tmp_path / "cut", callbacks=[Stop()], **settings)
    resume(cut, callbacks=[])
    assert is_equal(weights(whole.model()), weights(cut.model()))


def test_pseudo_inputs_start_at_training_examples(digits):
    """Each is a training example, up to the margin and the noise; where there are few, each is taken in turn."""
    model, _ = make("vamp_vae", latent=2, components=30)
    initialize_from_data(model, digits.train.subset(torch.arange(10)), 0)
    distance = torch.cdist(model.prior.pseudo_inputs.flatten(1), digits.train.first(10).x.flatten(1))
    assert distance.min(1).values.max() < 0.05 * 8 + 0.1
    assert distance.argmin(1).bincount().tolist() == [3] * 10
    assert len(model.prior.pseudo_inputs.flatten(1).unique(dim=0)) == 30


def test_pseudo_inputs_of_a_table_with_missing_cells():
    x = torch.randn(40, 3)
    x[::3, 1] = torch.nan
    model, _ = er.recipes.vamp_vae((3,), latent=2, components=5, likelihood="gaussian")
    initialize_from_data(model, er.data.InMemorySplit(x), 0)
    assert model.prior.pseudo_inputs.isfinite().all()


def test_a_loader_gives_its_first_examples():
    x = torch.rand(20, 4)
    model, _ = er.recipes.autoencoder((4,), latent=2, linear=True)
    initialize_from_data(model, er.data.LoaderSplit([x[:8], x[8:]]), 0)
    torch.testing.assert_close(model.decoder(torch.zeros(1, 2)).mean[0], x.mean(0))


@pytest.mark.parametrize("latent", [pytest.param(n, marks=pytest.mark.exhaustive) for n in (1, 5, 10, 50)] + [2, 20])
def test_a_linear_autoencoder_reaches_pca(latent, digits, tmp_path):
    """Within 2 % of what PCA leaves, and a thousandth of the variance, with every default of a training."""
    model, objective = make("autoencoder", latent=latent, linear=True)
    er.fit(model, objective, digits, steps=600, device="cpu", watch=(), report=False, out=tmp_path / "run")
    x = digits.train.first(1258).x
    lost, least = ((m.reconstruct(x) - x).square().mean().item() for m in (model, pca(digits, latent)))
    assert lost < 1.02 * least + 1e-3 * x.var(0).mean().item()
