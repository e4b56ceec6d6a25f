"""Likelihoods by name: settings and unknown names."""

import pytest

import elbowroom as er
from elbowroom.families import likelihood

RENAMED = "'discretised-logistic' is now called 'discretized-logistic'"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bernouli", "did you mean 'bernoulli'"),
        ("gaussian:-1", "above 0"),
        ("gaussian:optimum", "did you mean 'optimal'"),
        ("bernoulli:0.1", "has no scale to set"),
    ],
)
def test_likelihood_names_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        likelihood(name, (2,))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("logistic-mixture:0", "at least 1 component"),
        ("logistic-mixture:two", "write logistic-mixture:10"),
        ("laplace:optimum", "did you mean 'optimal'"),
        ("gaussian:nan", "above 0"),
        ("categorical:3", "has no scale to set"),
    ],
)
def test_settings_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        likelihood(name, (1, 2, 2))


def test_the_old_name_of_the_discretized_logistic_is_taken_with_one_warning():
    with pytest.warns(DeprecationWarning, match=RENAMED) as caught:
        family = likelihood("discretised-logistic", (2,))
    assert type(family) is type(likelihood("discretized-logistic", (2,)))
    assert len(caught) == 1


def test_a_recipe_records_the_new_name_of_a_likelihood():
    with pytest.warns(DeprecationWarning, match=RENAMED) as caught:
        model, _ = er.recipes.vae((4,), latent=2, hidden=(), likelihood="discretised-logistic")
    assert model.recipe_call.arguments["likelihood"] == "discretized-logistic"
    assert len(caught) == 1
