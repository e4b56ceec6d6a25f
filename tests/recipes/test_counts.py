"""Recipes of counts and topics: prior, decoder, batches as conditions, what the encoder sees."""

import numpy as np
import pytest
import scipy.sparse
import torch

import elbowroom as er
from elbowroom.evaluation.suites.topics import mean_npmi
from elbowroom.models.topics import ShiftNorm, dirichlet_prior
from elbowroom.plotting import plot
from elbowroom.text_shape import TextShape


@pytest.fixture(scope="module")
def bags():
    """Bags of twenty words, of two topics whose words are the first or the last ten, as a sparse matrix."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 2, 300)
    counts = np.stack([np.bincount(rng.integers(0, 10, 30) + 10 * one, minlength=20) for one in topic])
    return er.load_data((scipy.sparse.csr_matrix(counts.astype(np.float32)), topic), test=0.2)


def test_the_prior_of_topics_is_the_laplace_approximation_of_a_dirichlet():
    """In the softmax basis the variances are (1 - 2/K)/α + 1/(K α), as in equation 8 of the paper."""
    prior = dirichlet_prior(5, 0.1)()
    torch.testing.assert_close(prior.variance, torch.full((5,), (1 - 2 / 5) / 0.1 + 1 / (5 * 0.1)))
    with pytest.raises(ValueError, match="above 0"):
        dirichlet_prior(5, 0.0)


def test_shift_norm_is_batch_norm_and_starts_with_the_statistics_of_the_first_batch():
    torch.manual_seed(0)
    norm, x = ShiftNorm(3), 4 + 2 * torch.randn(50, 3)
    torch.testing.assert_close(norm(x), (x - x.mean(0)) / (x.var(0) + 1e-3).sqrt())
    torch.testing.assert_close(norm.eval()(x), norm.train()(x))
    assert norm(x[:1]).isfinite().all()


def test_topics_are_found_in_bags(bags, tmp_path):
    model, objective = er.recipes.prod_lda(bags.shape, latent=2, hidden=(16,), dropout=0.0, concentration=1.0, seed=0)
    run = er.fit(model, objective, bags, steps=60, lr=0.02, batch_size=60, out=tmp_path / "run", sampler="none")
    shares = [sum(int(word) < 10 for word in words) / 8 for words in er.topics(run, n=8)]
    assert sorted(shares) == pytest.approx([0, 1], abs=0.25)
    values = er.evaluate(run, samples=2, metrics="perplexity,ranking,topics", data=bags)
    assert 10 < values["perplexity"].value < 15  # ten words are equally frequent, of twenty
    assert values["ndcg@100"].value > 0.3
    assert values["npmi"].value > 0.3
    assert values["topic_diversity"].value > 0.7
    assert plot("topics", run, data=bags) is not None


def test_other_models_say_what_they_lack(bags, tmp_path):
    run = er.fit(*er.recipes.vae(bags.shape, latent=2, likelihood="poisson"), bags, steps=1, out=tmp_path / "run")
    values = er.evaluate(run, samples=2, metrics="perplexity,topics", data=bags)
    assert values["perplexity"].value is values["npmi"].value is None
    with pytest.raises(ValueError, match="no topics: train prod_lda"):
        er.topics(run)


@pytest.mark.parametrize("name", ["count_vae", "mult_vae", "nvdm", "prod_lda"])
def test_texts_in_order_are_no_counts(name):
    with pytest.raises(ValueError, match="it takes counts, and these are texts with their words in order"):
        getattr(er.recipes, name)(TextShape(6, 20))


def test_words_that_are_never_together_are_incoherent():
    assert mean_npmi(torch.tensor([[50.0, 0.0], [0.0, 50.0]]).double(), 100) == -1


def test_counts_have_batches_as_conditions_and_a_library():
    model, _ = er.recipes.count_vae((6,), latent=2, hidden=(8,), labels=3)
    x = torch.poisson(torch.full((4, 6), 5.0))
    draw = model.draw(x, torch.tensor([0, 1, 2, 0]))
    assert draw.log_px.isfinite().all()
    assert model.decoder.family.average is not None
    plain, _ = er.recipes.count_vae((6,), latent=2, hidden=(8,), library=False)
    assert plain.decoder.family.average is None
    assert not plain.is_conditional


def test_mult_vae_sees_proportions():
    """Twice the same bag has the same latent."""
    model, objective = er.recipes.mult_vae((6,), latent=2, hidden=(8,), anneal=10)
    x = torch.tensor([[1.0, 0, 2, 0, 0, 1]])
    torch.testing.assert_close(model.encode(x), model.encode(2 * x))
    draw = model.draw(x)
    weights = [objective(draw, torch.tensor(step)).item() - (-draw.log_px).mean().item() for step in (0, 10)]
    assert weights == pytest.approx([0, 0.2 * draw.kl.mean().item()], abs=1e-5)
