"""Arguments with which a recipe has nothing to learn, or never reaches what it is for, are refused in one line."""

import pytest
import torch

import elbowroom as er
from tests.tiny_recipes import make_tiny


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        (
            "dirichlet_vae",
            {"latent": 1},
            "shares sum to one, so that 1 of them says nothing: give a latent of 2 or more",
        ),
        ("qlae", {"values": 1}, "values=1: expected a whole number, at least 2"),
        ("quantized_vae", {"quantizer": "scalars:3x1"}, "says nothing of an example: give at least 2 values"),
        ("quantized_vae", {"quantizer": "bsq:1"}, "give 2 bits or more"),
        ("lfq_vae", {"bits": 1, "sphere": True}, "give 2 bits or more"),
        ("quantized_vae", {"quantizer": "cosine:4", "dim": 1}, "give a dim of 2 or more"),
        ("vq_vae", {"codebook": "cosine", "dim": 1}, "give a dim of 2 or more"),
        ("geco_vae", {"target": -5.0}, "which is above 0 where .* is a probability, got -5: give what a vae reaches"),
        ("geco_vae", {"target": 0.0, "likelihood": "discretized-logistic"}, "got 0: give what a vae reaches"),
        ("mult_vae", {"dropout": 1.0}, "nothing is left in training: give a share below 1"),
        ("rec_vae", {"dropout": 1.0}, "give a share below 1"),
        ("prod_lda", {"dropout": 1.0}, "give a share below 1"),
        ("prod_lda", {"dropout": -0.5}, "dropout=-0.5: expected a number from 0 to 1"),
        ("autoencoder_kl", {"groups": 0}, "at least 1 group, got 0"),
        ("eq_vae", {"groups": -1}, "at least 1 group, got -1"),
    ],
)
def test_they_are_refused(name, arguments, words):
    with pytest.raises(ValueError, match=words) as refusal:
        make_tiny(name, **arguments)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("geco_vae", {"target": -5.0, "likelihood": "gaussian"}),
        ("geco_vae", {"target": -5.0, "likelihood": "continuous-bernoulli"}),
        # 2^100 codes: only their sub-indices are numbers.
        ("lfq_vae", {"bits": 100}),
        ("quantized_vae", {"quantizer": "residual:512x8"}),
        ("dirichlet_vae", {"latent": 2}),
    ],
)
def test_what_has_a_meaning_is_not(name, arguments):
    model, objective = make_tiny(name, **arguments)
    x = torch.rand(4, 1, 8, 8)
    assert objective(model.draw(x), torch.tensor(0)).isfinite()
    assert model.encode(x).isfinite().all()


@pytest.mark.parametrize(
    "recipe", [{"name": "exemplar_vae", "components": 500}, {"name": "vae", "prior": "exemplar:500"}]
)
def test_an_exemplar_prior_of_more_examples_than_there_are_is_refused(recipe, tmp_path):
    model, objective = make_tiny(**recipe)
    words = "is about 500 training examples, and there are 32: give it 32 or fewer, as exemplar:32"
    with pytest.raises(ValueError, match=words):
        er.fit(model, objective, torch.rand(40, 1, 8, 8), steps=1, out=tmp_path / "run", report=False, progress=False)
    assert not (tmp_path / "run").exists()


def test_an_exemplar_prior_takes_its_part_where_the_model_wants_more():
    model, _ = make_tiny("riemannian_vae", prior="exemplar:5", centroids=10)
    x = torch.rand(model.n_initial_examples, 1, 8, 8)
    model.initialize(x, torch.Generator().manual_seed(0))
    assert torch.equal(model.prior.examples, x[:5])
