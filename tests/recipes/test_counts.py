"""Recipes of counts and topics: prior, decoder, batches as conditions, what the encoder sees."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse
import torch

import elbowroom as er
from elbowroom.evaluation.suites.topics import mean_npmi
from elbowroom.models.topics import ShiftNorm, dirichlet_prior
from elbowroom.networks.densely_connected import DenselyConnected
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


@pytest.mark.parametrize("name", ["count_vae", "mult_vae", "rec_vae", "nvdm", "prod_lda"])
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


def make_rec_vae(**arguments):
    torch.manual_seed(0)
    return er.recipes.rec_vae((6,), latent=2, width=8, depth=3, **arguments)


def test_the_prior_of_rec_vae_mixes_each_dimension_of_the_old_posterior_with_two_normals():
    model, _ = make_rec_vae(refresh=10**6, dropout=0)
    x, z = torch.poisson(torch.full((5, 6), 2.0)), 3 * torch.randn(4, 5, 2)
    old = model.train().posterior(x)
    scored = model.scoring_prior(x)
    parts = [
        (0.15, torch.zeros(5, 2), torch.ones(5, 2)),
        (0.75, old.mean, old.stddev),
        (0.1, torch.zeros(5, 2), math.e**5),
    ]
    density = sum(weight * torch.distributions.Normal(mean, scale).log_prob(z).exp() for weight, mean, scale in parts)
    torch.testing.assert_close(scored.log_prob(z), density.log().sum(-1))
    model.eval()
    torch.testing.assert_close(model.scoring_prior(x).log_prob(z), er.StandardNormal(2)().log_prob(z))


def test_the_old_posterior_is_taken_anew_when_it_is_time_and_is_not_trained():
    model, objective = make_rec_vae(refresh=3)
    x = torch.poisson(torch.full((5, 6), 2.0))
    assert all(not p.requires_grad for p in model.prior.previous.parameters())
    means, model = [], model.train()
    for step in range(7):
        draw = model.draw(x)
        objective(draw, torch.tensor(step)).backward()
        means.append(model.prior.previous(x).mean.clone())
        with torch.no_grad():
            for parameter in model.encoder.parameters():
                parameter.add_(0.1)
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(means)]
    assert changed == [False, False, True, False, False, True]


def test_the_old_posterior_sees_what_dropout_hides():
    model, _ = make_rec_vae(dropout=0.9)
    x = torch.poisson(torch.full((5, 6), 2.0))
    model.train()
    scored = [model.scoring_prior(x).log_prob(torch.zeros(5, 2)) for _ in range(2)]
    torch.testing.assert_close(*scored)


def test_the_kl_of_rec_vae_counts_items():
    model, objective = make_rec_vae(gamma=0.5)
    draw = model.eval().draw(torch.tensor([[1.0, 0, 2, 0, 0, 1], [0, 0, 0, 0, 0, 1]]))
    torch.testing.assert_close(er.ItemKL(0.5)(draw, torch.tensor(0)), (0.5 * torch.tensor([4.0, 1]) * draw.kl).mean())
    draw.kl_weight = 0.5
    torch.testing.assert_close(er.ItemKL(0.5)(draw, torch.tensor(0)), (0.25 * torch.tensor([4.0, 1]) * draw.kl).mean())
    draw.free_nats = 0.1
    with pytest.raises(ValueError, match="free bits change the mean KL"):
        er.ItemKL(1)(draw, torch.tensor(0))
    players = objective.players(model)
    assert [player.name for player in players] == ["encoder", "decoder"]
    with pytest.raises(ValueError, match="after 1 step or more, got 0"):
        er.CompositePrior(model.encoder, 0)


def test_hidden_layers_of_a_dense_network_get_the_sum_of_those_before():
    torch.manual_seed(0)
    net, x = DenselyConnected((4,), 3, width=5, depth=3), torch.randn(2, 4)
    earlier, h = [], x
    for layer, norm in zip(net.layers, net.norms, strict=True):
        h = norm(torch.nn.functional.silu(layer(h) + sum(earlier)))
        earlier.append(h)
    torch.testing.assert_close(net(x), net.output(h))
