"""PCA against scikit-learn, and its reconstruction term."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import elbowroom as er
from elbowroom.comparing import pca
from elbowroom.comparing.pca import PROBABILITY_MARGIN, reconstruction_nats


def test_pca_is_sklearns(digits):
    x = digits.train.x.double().flatten(1).numpy() / 255
    test = digits.test.first(359).x
    for latent in (1, 2, 10, 40):
        model, theirs = pca(digits, latent), PCA(latent, svd_solver="full").fit(x)
        again = theirs.inverse_transform(theirs.transform(test.flatten(1).double().numpy()))
        expected = np.mean((again - test.flatten(1).double().numpy()) ** 2)
        assert er.evaluate(model, digits, metrics="reconstruction")["mse"].value == pytest.approx(
            expected, rel=1e-4, abs=1e-6
        )
        ours = model.decoder.net.layers[-1].weight.detach().double().numpy()
        assert np.degrees(subspace_angles(ours, theirs.components_.T).max()) < 0.01
        np.testing.assert_allclose(ours.T @ ours, np.eye(latent), atol=1e-5)
        lost = (PCA(64).fit(x).explained_variance_[latent:].sum() * (len(x) - 1) / len(x)) / 64
        assert (2 * model.decoder.family.log_scale).exp().item() == pytest.approx(lost, rel=1e-4)


def test_no_affine_code_loses_less_than_pca(digits, tmp_path):
    torch.manual_seed(0)
    model, objective = er.recipes.autoencoder(digits.shape, latent=4, linear=True)
    er.fit(model, objective, digits, steps=200, lr=1e-2, out=tmp_path / "run", device="cpu")
    trained, exact = (
        er.evaluate(m, digits, metrics="reconstruction", split="train")["mse"].value for m in (model, pca(digits, 4))
    )
    assert exact < trained < 2 * exact


@pytest.mark.filterwarnings("ignore:.*far from a scale of 1")
def test_pca_of_pictures_far_from_zero_keeps_its_digits():
    """Sums of squares around zero would lose them."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 12)) + 1000).astype(np.float32)
    data = er.load_data(x, validation=0, test=0)
    assert er.evaluate(pca(data, 3), data, metrics="reconstruction", split="train")["mse"].value < 1e-6


@pytest.mark.parametrize(
    ("shape", "latent", "words"),
    [
        ((8,), 9, "PCA of 9 components, of examples of 8 numbers: expected 1 to 8"),
        ((8,), 0, "expected 1 to 8"),
        ((5000,), 2, "PCA is exact up to 4,096 numbers in an example, and here are 5,000"),
    ],
)
def test_pca_refuses_what_it_cannot_do(shape, latent, words):
    data = er.load_data(np.zeros((20, *shape), np.float32))
    with pytest.raises(ValueError, match=words):
        pca(data, latent)


def test_an_output_is_scored_as_the_likelihood_allows():
    x, output = torch.rand(5, 1, 4, 4), torch.randn(5, 1, 4, 4)
    p = output.clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN).double()
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
    torch.testing.assert_close(
        reconstruction_nats(er.Bernoulli((1, 4, 4)), x, output, 0.1), expected.float(), rtol=1e-4, atol=1e-4
    )
    for scale, sigma in ((0.3, 0.3), ("learned", math.sqrt(0.1)), ("optimal", math.sqrt(0.1))):
        density = torch.distributions.Normal(output, sigma).log_prob(x).flatten(1).sum(1)
        mine = reconstruction_nats(er.Gaussian((1, 4, 4), scale), x, output, 0.1)
        torch.testing.assert_close(mine, -density, rtol=1e-4, atol=1e-3)
    for family in (er.Categorical((1, 4, 4)), er.ContinuousBernoulli((1, 4, 4)), er.Laplace((1, 4, 4))):
        assert reconstruction_nats(family, x, output, 0.1) is None
