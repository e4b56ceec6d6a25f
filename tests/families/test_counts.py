"""Families of counts: dispersion, library size, totals of bags, data that are no counts."""

import numpy as np
import pytest
import torch

import elbowroom as er


@pytest.mark.parametrize(
    ("name", "size", "learned"),
    [
        ("poisson", 3, 0),
        ("negative-binomial", 3, 3),
        ("negative-binomial:shared", 3, 1),
        ("negative-binomial:predicted", 6, 0),
        ("zero-inflated-negative-binomial", 6, 3),
        ("zero-inflated-negative-binomial:predicted", 9, 0),
        ("multinomial", 3, 0),
    ],
)
def test_outputs_and_parameters_are_those_of_the_dispersion(name, size, learned):
    family = er.likelihood(name, (3,))
    assert (family.size, sum(p.numel() for p in family.parameters())) == (size, learned)
    p = family(torch.randn(2, size))
    x = torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    assert p.log_prob(x).shape == (2,)
    assert (p.log_prob(x) <= 0).all()
    assert p.sample((5,)).shape == (5, 2, 3)


def test_an_unknown_dispersion_is_refused():
    with pytest.raises(ValueError, match="did you mean 'shared'"):
        er.likelihood("negative-binomial:share", (3,))


@pytest.mark.parametrize("make", [er.Poisson, er.NegativeBinomial, er.ZeroInflatedNegativeBinomial])
def test_with_a_library_the_means_are_shares_of_the_total(make):
    """Given its total, an example's probability is that of the same family with the mean total times share."""
    family = make(3, has_library=True)
    phi = torch.randn(2, family.size)
    x = torch.tensor([[4.0, 0.0, 6.0], [1.0, 1.0, 0.0]])
    plain = make(3)
    first, *others = family.split_parameters(phi)
    log_mean = first.log_softmax(-1) + x.sum(-1, keepdim=True).log()
    expected = plain(torch.cat([log_mean, *others], -1)).log_prob(x)
    torch.testing.assert_close(family(phi).log_prob(x), expected)
    # What was scored in training sets the total of means and draws, and nothing in evaluation does.
    assert family(phi).mean.shape == (2, 3)
    assert family.average.total == pytest.approx(6.0)
    family.eval()(phi).log_prob(100 * x)
    assert family.average.total == pytest.approx(6.0)


def test_an_empty_bag_is_certain():
    family = er.Multinomial(3)
    assert family(torch.randn(2, 3)).log_prob(torch.zeros(2, 3)).tolist() == [0, 0]


@pytest.mark.parametrize("likelihood", ["poisson", "multinomial"])
@pytest.mark.parametrize(("x", "words"), [([[0.5, 1.0]], "value 0.5 in row 0"), ([[3.0, -1.0]], "value -1 in row 0")])
def test_data_that_are_no_counts_are_refused(likelihood, x, words, tmp_path):
    data = er.load_data(np.array(x * 8), validation=0, test=0)
    model, objective = er.recipes.vae(data.shape, latent=1, hidden=(4,), likelihood=likelihood)
    with pytest.raises(ValueError, match=f"{words}.*is no count.*--likelihood gaussian"):
        er.fit(model, objective, data, steps=1, out=tmp_path / "run")
