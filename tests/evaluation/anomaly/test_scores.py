"""Anomaly scores against their definitions, for every recipe."""

import numpy as np
import pytest
import torch
from scipy import stats

import elbowroom as er
from elbowroom.data import InMemorySplit
from elbowroom.evaluation.anomaly import background
from elbowroom.evaluation.anomaly.reference import open_reference
from elbowroom.evaluation.anomaly.scores import SCORES
from tests.tiny_recipes import by_family, make_tiny, representative_recipes


def test_scores_are_their_definitions(run, digits):
    scores = {name: er.anomaly_scores(run, digits.test, name, samples=8) for name in SCORES}
    metrics = er.evaluate(run, samples=8)
    assert scores["elbo"].mean().item() == pytest.approx(-metrics["elbo"].value, abs=1e-3)
    assert scores["importance_bound"].mean().item() == pytest.approx(-metrics["importance_bound"].value, abs=1e-3)
    assert (scores["elbo"] >= scores["reconstruction"]).all()
    assert scores["typicality"].min() >= 0
    with open_reference(run, samples=8) as reference:
        p0 = reference.background(digits.test.first(1000).x).double().detach()
        elbos, ratios = reference.elbos, reference.ratios.detach()
    assert elbos.mean().item() == pytest.approx(er.evaluate(run, split="validation", samples=8)["elbo"].value, abs=1e-3)
    torch.testing.assert_close(scores["typicality"], (-scores["elbo"] - elbos.mean()).abs())
    torch.testing.assert_close(scores["likelihood_ratio"], p0 + scores["elbo"], atol=1e-4, rtol=0)
    states = ((elbos, -scores["elbo"]), (ratios, scores["likelihood_ratio"]))
    rarity = sum(-stats.gaussian_kde(normal.numpy()).logpdf(values.numpy()) for normal, values in states)
    np.testing.assert_allclose(scores["density_of_states"], rarity, rtol=1e-3)


@pytest.mark.parametrize("name", ["elbo", "likelihood_ratio"])
def test_scores_do_not_depend_on_the_batch(run, digits, name):
    together = er.anomaly_scores(run, digits.test, name, samples=3, batch_size=359)
    apart = er.anomaly_scores(run, digits.test, name, samples=3, batch_size=10)
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=0)
    first = er.anomaly_scores(run, digits.test.x[:7], name, samples=3)
    torch.testing.assert_close(together[:7], first, atol=1e-4, rtol=0)


@pytest.mark.parametrize("far", [1e3, 1e20])
def test_rows_far_from_all_of_training_are_the_most_anomalous_in_every_score(far):
    """However far: beyond float32 the score is infinite, not NaN."""
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model, _ = er.recipes.vae((3,), latent=2, likelihood="gaussian")
    data = er.load_data(rows)
    for name in SCORES:
        near, others = (er.anomaly_scores(model, x, name, normal=data, samples=2) for x in (rows[:9], rows[:9] + far))
        assert others.min() > near.max()


def test_a_path_is_scored_as_its_rows_are(run, digits, tmp_path):
    np.save(tmp_path / "x.npy", digits.test.x[:7].numpy())
    assert torch.equal(
        er.anomaly_scores(run, tmp_path / "x.npy", "elbo"), er.anomaly_scores(run, digits.test.x[:7], "elbo")
    )


@pytest.mark.parametrize("recipe", by_family(representative_recipes()))
def test_every_recipe_has_scores_or_says_why_not(digits, recipe, monkeypatch):
    monkeypatch.setattr(background, "FIT_STEPS", 5)
    model, _ = make_tiny(recipe, digits.shape)
    others = InMemorySplit(digits.test.x[:40].flip(-1), digits.test.y[:40])
    train, validation, test = (split.first(60) for split in digits.splits.values())
    normal = er.load_data(train[:2], validation=validation[:2], test=test[:2])
    result = er.anomalies(model, others, normal=normal, samples=2, maps=1)
    assert "reconstruction" in result
    for name in SCORES:
        if name in result:
            assert result.results[name].normal.isfinite().all()
        else:
            with pytest.raises(ValueError, match="use 'reconstruction'"):
                er.anomaly_scores(model, normal.test, name, normal=normal, samples=2)
    assert model.training
