"""Families with heavy tails: settings, what is learned, errors."""

import pytest
import torch

import elbowroom as er


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("student-t:0", "above 0 and finite"),
        ("student-t:inf", "is gaussian"),
        ("student-t:learnt", "did you mean 'learned'"),
        ("log-cosh:-1", "number above 0"),
        ("log-cosh:sharp", "write log-cosh:10"),
    ],
)
def test_settings_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        er.likelihood(name, (2,))


@pytest.mark.parametrize("name", ["student-t", "student-t:3", "student-t:predicted", "log-cosh", "log-cosh:1"])
def test_scale_and_tails_are_learned_from_outliers(name):
    """A twentieth of the values are ten times as far out: a fit by any of these beats a normal's."""
    torch.manual_seed(0)
    x = torch.randn(4000, 1) * torch.where(torch.rand(4000, 1) < 0.05, 10.0, 1.0)

    def fit(family):
        phi = torch.zeros(family.size, requires_grad=True)
        optimizer = torch.optim.Adam([phi, *family.parameters()], 0.02)
        for _ in range(150):
            loss = -family(phi).log_prob(x).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    assert fit(er.likelihood(name, (1,))) < fit(er.likelihood("gaussian", (1,))) - 0.1
