"""Parts of the KL: they add up to it, and are those of a mixture over all examples where these are the batch."""

from itertools import combinations

import pytest
import torch
import torch.distributions as td

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.objectives.total_correlation import SAMPLINGS
from tests.tiny_recipes import make_tiny

N, D, K = 7, 4, 50
STEP = torch.tensor(0)


@pytest.fixture
def draw():
    """Draws for N examples with posteriors far from the prior, in double precision."""
    torch.manual_seed(0)
    q = Normal(2 * torch.randn(N, D).double(), torch.randn(N, D).double() - 1)
    prior = Normal(torch.zeros(D).double(), torch.zeros(D).double())
    return er.Draw(torch.rand(N, 1), None, er.Latent(q.rsample((K,)), q, prior))


def aggregate_log_density(draw, dims):
    """log q(z) of some numbers of the latents, by torch's mixture of all posteriors."""
    normals = td.Normal(draw.q.loc[:, dims], draw.q.variance[:, dims].sqrt())
    mixture = td.MixtureSameFamily(td.Categorical(torch.ones(N).double()), td.Independent(normals, 1))
    return mixture.log_prob(draw.z[..., dims])


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("n_examples", [0, 1000])
def test_the_parts_add_up_to_the_kl_for_any_number_of_examples(draw, sampling, n_examples):
    parts = er.MutualInformation(sampling) + er.TotalCorrelation(sampling=sampling) + er.DimensionKL(sampling)
    parts.prepare(range(n_examples))
    torch.testing.assert_close(parts(draw, STEP), (draw.log_qz - draw.log_pz).mean())


def test_the_kl_of_many_draws_is_that_in_closed_form(draw):
    parts = er.MutualInformation() + er.TotalCorrelation() + er.DimensionKL()
    expected = draw.kl.mean()
    error = (draw.log_qz - draw.log_pz).mean(1).std() / K**0.5
    assert abs(parts(draw, STEP) - expected) < 4 * error


def test_with_all_examples_as_the_batch_each_part_is_exact(draw):
    marginals = sum(aggregate_log_density(draw, [d]) for d in range(D))
    joint = aggregate_log_density(draw, list(range(D)))
    by_group = aggregate_log_density(draw, [0, 1, 2]) + aggregate_log_density(draw, [3])
    expected = {
        er.MutualInformation(): draw.log_qz - joint,
        er.TotalCorrelation(): joint - marginals,
        er.TotalCorrelation((3, 1)): joint - by_group,
        er.TotalCorrelation() - er.TotalCorrelation((3, 1)): by_group - marginals,
        er.DimensionKL(): marginals - draw.log_pz,
    }
    for term, values in expected.items():
        term.prepare(range(N))
        torch.testing.assert_close(term(draw, STEP), values.mean())


@pytest.mark.parametrize("size", [2, 4, N])
def test_the_density_of_a_stratified_batch_is_unbiased(draw, size):
    """The mean over every batch that has the latent's own example is the density of all examples."""
    term, pairs, own = er.MutualInformation(), draw.pairwise_log_qz[0].sum(-1), 2
    term.prepare(range(N))
    densities = []
    for others in combinations([i for i in range(N) if i != own], size - 1):
        batch = torch.tensor([own, *others])
        densities.append(term.log_qz(pairs[batch][:, batch])[0].exp())
    torch.testing.assert_close(torch.stack(densities).mean(), aggregate_log_density(draw, range(D))[0, own].exp())


def test_a_single_example_has_no_information_and_no_correlation(draw):
    single = er.Draw(draw.x[:1], None, er.Latent(draw.z[:, :1], Normal(draw.q.loc[:1], draw.q.log_var[:1]), draw.prior))
    for term in (er.MutualInformation(), er.TotalCorrelation()):
        term.prepare(range(100))
        assert abs(term(single, STEP)) < 1e-12


def test_training_and_resuming_tell_how_many_examples_there_are(tmp_path):
    data = er.load_data("digits")
    model, objective = make_tiny("beta_tc_vae")
    run = er.fit(model, objective, data, steps=1, out=tmp_path / "run")
    resumed = run.build()
    er.resume(run, data=data, model=resumed[0], objective=resumed[1], steps=2)
    for term in (*objective.modules(), *resumed[1].modules()):
        if isinstance(term, er.TotalCorrelation):
            assert term.n_examples == len(data.train)


def test_beta_of_one_is_the_vae():
    model, objective = make_tiny("beta_tc_vae", beta=1.0)
    draw = model.draw(torch.rand(9, 1, 8, 8))
    torch.testing.assert_close(objective(draw, STEP), -(draw.log_px + draw.log_pz - draw.log_qz).mean())
    assert {"mutual_information", "total_correlation", "dimension_kl", "reconstruction"} == set(draw.terms)


def test_equal_weights_of_both_levels_are_those_of_beta_tc_vae():
    objectives = [
        make_tiny(name, beta=6.0, **arguments)[1]
        for name, arguments in (("hfvae", {"gamma": 6.0}), ("beta_tc_vae", {}))
    ]
    draw = make_tiny("beta_tc_vae")[0].draw(torch.rand(9, 1, 8, 8))
    torch.testing.assert_close(objectives[0](draw, STEP), objectives[1](draw, STEP))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: er.TotalCorrelation((2, 0)), "at least 1 number each"),
        (lambda: er.MutualInformation("strat"), "did you mean 'stratified'"),
        (
            lambda: er.TotalCorrelation((2, 3))(make_tiny("vae")[0].draw(torch.rand(2, 1, 8, 8)), STEP),
            "the latent has 3",
        ),
        (
            lambda: er.TotalCorrelation()(make_tiny("autoencoder")[0].draw(torch.rand(2, 1, 8, 8)), STEP),
            "need a posterior",
        ),
        (lambda: er.recipes.hfvae((1, 8, 8), latent=3), "from 1 to 3 groups, got 5"),
    ],
)
def test_errors_advise(make, message):
    with pytest.raises(ValueError, match=message):
        make()
