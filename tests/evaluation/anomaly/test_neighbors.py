"""Distance to normal rows: against scikit-learn, and which score is the default."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import elbowroom as er
from elbowroom import noise
from elbowroom.data import Batch, load_undivided
from elbowroom.evaluation.anomaly.neighbors import NEIGHBOR, concatenate_residuals, neighbor_distance
from elbowroom.evaluation.anomaly.scorer import AnomalyScorer, fit_scorer
from elbowroom.evaluation.anomaly.scores import SCORES, default_score
from tests.tiny_recipes import make_tiny


@pytest.fixture(scope="module")
def table():
    """A table of two numbers and a category, and a model of its rows that is not trained."""
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=80), "b": rng.normal(5, 2, 80), "c": rng.choice(["x", "y", "z"], 80)}
    data = er.load_data({name: list(cells) for name, cells in columns.items()}, label="", validation=0.2, test=0.2)
    model, _ = er.recipes.vae(data.shape, latent=2, hidden=(8,), seed=0)
    return data, model.eval()


def test_the_distance_is_that_of_scikit_learn():
    points, normal = (torch.randn(n, 4, generator=torch.Generator().manual_seed(n)).double() for n in (9, 30))
    nearest = NearestNeighbors(n_neighbors=NEIGHBOR).fit(normal.numpy()).kneighbors(points.numpy())[0][:, -1]
    np.testing.assert_allclose(neighbor_distance(points, normal), nearest, rtol=1e-6)


def test_one_normal_row_is_enough_for_a_distance():
    assert neighbor_distance(torch.tensor([[3.0]]), torch.tensor([[1.0]])).tolist() == [2.0]


def test_points_are_values_and_residuals_with_categories_as_bits(table):
    data, model = table
    x = data.test.x
    points = concatenate_residuals(model, Batch(x, None, torch.arange(len(x))))
    assert points.shape == (len(x), 2 * (1 + 1 + 4))
    torch.testing.assert_close(points[:, :2].float(), x[:, :2])
    assert torch.equal(points[:, 2:6].argmax(1), x[:, 2].long())
    with noise.zero_noise():
        reconstruction = model.reconstruct(x)
    torch.testing.assert_close((points[:, :2] - points[:, 6:8]).float(), reconstruction[:, :2], atol=1e-4, rtol=0)


def test_an_unknown_category_is_as_far_as_a_number_that_is_as_improbable(table):
    """A standard normal is exp(-r²/2) times as probable r deviations from its mean as there."""
    data, model = table
    x = data.test.x[:1].clone()
    x[:, 2] = 3.0
    place = concatenate_residuals(model, Batch(x, None, torch.arange(1)))[0, 5].item()
    assert np.exp(-(place**2) / 2) == pytest.approx(1 / (len(data.train) + 1))


def test_a_missing_cell_adds_no_residual(table):
    data, model = table
    x = data.test.x.clone()
    x[:, 0] = torch.nan
    points = concatenate_residuals(model, Batch(x, None, torch.arange(len(x))))
    assert points.isfinite().all()
    assert (points[:, 6] == 0).all()


def test_a_training_row_is_closer_than_any_other(table):
    data, model = table
    score = fit_scorer(model, data, "neighbors").score
    assert score(data.train).mean() < score(data.test).mean()


@pytest.mark.filterwarnings("ignore:.*training never saw")
def test_rows_with_unknown_categories_are_scored_as_strange(table):
    data, model = table
    near, far = (
        load_undivided({"a": [0.0] * 3, "b": [5.0] * 3, "c": [category] * 3}, data.protocol).train for category in "xq"
    )
    for name in ("elbo", "reconstruction", "neighbors"):
        score = fit_scorer(model, data, name, samples=3).score
        assert score(far).min() > score(near).max(), name


@pytest.mark.parametrize("name", SCORES)
def test_a_scorer_made_of_its_state_gives_the_same_scores(table, name):
    data, model = table
    scorer = fit_scorer(model, data, name, samples=3)
    again = AnomalyScorer(model, scorer.name, scorer.state, data.protocol, samples=3)
    assert torch.equal(again.score(data.test), scorer.score(data.test))
    assert set(scorer.state) >= set(SCORES[name].statistics)
    own = er.anomaly_scores(model, data.test, name, normal=data, samples=3)
    torch.testing.assert_close(scorer.score(data.test), own)


def test_the_default_score_follows_the_kind_of_data(table, digits):
    data, model = table
    assert default_score(model) == "neighbors"
    assert torch.equal(
        er.anomaly_scores(model, data.test, normal=data), er.anomaly_scores(model, data.test, "neighbors", normal=data)
    )
    kinds = {"vae": "likelihood_ratio", "autoencoder": "reconstruction"}
    assert {name: default_score(make_tiny(name, digits.shape)[0]) for name in kinds} == kinds
    assert er.anomalies(model, normal=data, score="default", level=0.2).protocol["default"] == "neighbors"


def test_scores_do_not_depend_on_the_rows_beside(table):
    data, model = table
    scorer = fit_scorer(model, data)
    together, apart = scorer.score(data.test), scorer.score(data.test, batch_size=1)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=0)
