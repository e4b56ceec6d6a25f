"""Identities between objectives, and the algebra that makes them."""

import itertools

import pytest
import torch

import elbowroom as er
from elbowroom.objectives.divergences import mmd

SHAPE = (1, 8, 8)
NOW = torch.tensor(0)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return er.recipes.vae(SHAPE, latent=3)[0]


@pytest.fixture
def draw(model):
    with torch.no_grad():
        return model.draw(torch.rand(16, *SHAPE), k=4)


def test_elbo_is_reconstruction_plus_kl(draw):
    value = er.ELBO()(draw, NOW)
    torch.testing.assert_close(value, -draw.elbo.mean())
    torch.testing.assert_close(draw.terms["reconstruction"] + draw.terms["kl"], value)


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_beta_vae_weighs_the_kl_and_is_the_vae_at_one(beta):
    torch.manual_seed(1)
    model, objective = er.recipes.beta_vae(SHAPE, beta=beta)
    draw = model.draw(torch.rand(16, *SHAPE))
    torch.testing.assert_close(objective(draw, NOW), (-draw.log_px.mean() + beta * draw.kl.mean()))


def test_importance_bound_of_one_sample_is_the_elbo_with_its_kl_estimated(model):
    draw = model.draw(torch.rand(16, *SHAPE), k=1)
    torch.testing.assert_close(er.ImportanceBound(1)(draw, NOW), -draw.log_w.mean())


def test_importance_bound_of_one_sample_has_the_elbo_for_a_mean(model):
    x = torch.rand(4, *SHAPE)
    draw = model.draw(x, k=20_000)
    torch.testing.assert_close(draw.log_w.mean(0), draw.elbo, atol=0.1, rtol=0)


def test_importance_bound_grows_with_k_in_the_mean(model):
    x = torch.rand(2, *SHAPE)
    log_w = model.draw(x, k=2**14).log_w.double()
    bounds = [(log_w.reshape(k, -1, 2).logsumexp(0) - torch.tensor(float(k)).log()).mean(0) for k in (1, 4, 64, 1024)]
    for low, high in itertools.pairwise(bounds):
        assert (low < high).all()


def test_terms_add_and_scale(draw):
    r, kl = er.Reconstruction(), er.KL()
    assert (r + 4 * kl - 1)(draw, NOW) == pytest.approx((r(draw, NOW) + 4 * kl(draw, NOW) - 1).item())
    assert (2 - kl)(draw, NOW) == pytest.approx((2 - kl(draw, NOW)).item())
    assert abs(kl - 1000)(draw, NOW) == pytest.approx((1000 - kl(draw, NOW)).item())
    assert (-kl * 0.5)(draw, NOW) == pytest.approx((-0.5 * kl(draw, NOW)).item())
    assert repr(er.Reconstruction() + 1000 * abs(er.KL() - er.ramp(0, 25, 100))) == (
        "(reconstruction + (1000 * abs((kl - ramp(0 to 25 in 100 steps)))))"
    )


def test_capacity_is_a_composition(draw):
    objective = er.Reconstruction() + 1000 * abs(er.KL() - er.ramp(0, 25, 100))
    kl = draw.kl.mean()
    for step, capacity in ((0, 0.0), (50, 12.5), (100, 25.0), (10_000, 25.0)):
        expected = -draw.log_px.mean() + 1000 * (kl - capacity).abs()
        torch.testing.assert_close(objective(draw, torch.tensor(step)), expected)


def test_k_is_the_most_that_any_term_asks_for():
    assert (er.Reconstruction(3) + er.KL()).k == 3
    assert abs(0.5 * er.ImportanceBound(7)).k == 7


def test_terms_refuse_what_they_cannot_add():
    with pytest.raises(TypeError, match="adds and scales with terms"):
        er.KL() + "kl"


@pytest.mark.parametrize("term", [er.Reconstruction, er.ImportanceBound])
def test_no_sample_is_refused(term):
    with pytest.raises(ValueError, match="at least 1, got 0"):
        term(k=0)


def test_a_point_posterior_has_no_kl_and_the_error_names_the_way_out():
    model, _ = er.recipes.autoencoder(SHAPE)
    with torch.no_grad():
        draw = model.draw(torch.rand(4, *SHAPE))
    with pytest.raises(ValueError, match=r"KL and ELBO are undefined: use .*MMD\(\) or LatentL2\(\)"):
        er.KL()(draw, NOW)
    assert er.LatentL2()(draw, NOW) == pytest.approx(0.5 * draw.z.square().sum(-1).mean().item(), rel=1e-5)


def test_a_term_for_one_latent_says_so_when_there_are_several():
    model, _ = er.recipes.ladder_vae(SHAPE)
    with pytest.raises(ValueError, match=r"this draw has 5 latents, expected a single one: use draw\.latents"):
        er.MMD()(model.draw(torch.rand(4, *SHAPE)), NOW)


def test_commitment_needs_a_codebook(draw):
    with pytest.raises(ValueError, match=r"Commitment\(\) needs a Codebook posterior"):
        er.Commitment()(draw, NOW)


def test_mmd_is_zero_between_equals_and_large_between_others():
    torch.manual_seed(0)
    same = torch.stack([mmd(torch.randn(100, 3), torch.randn(100, 3)) for _ in range(50)])
    assert abs(same.mean().item()) < 3 * same.std().item() / 50**0.5 + 1e-3
    assert mmd(torch.randn(100, 3) + 2, torch.randn(100, 3)) > 10 * same.std()


def test_permute_dims_keeps_marginals_and_breaks_dependence():
    torch.manual_seed(0)
    z = torch.randn(10_000, 1).repeat(1, 3)
    permuted = er.permute_dims(z)
    assert torch.equal(permuted.sort(0).values, z.sort(0).values)
    assert (torch.corrcoef(permuted.T) - torch.eye(3)).abs().max() < 0.05


def test_players_share_no_parameter_and_leave_none_out():
    model, objective = er.recipes.factor_vae(SHAPE, critic=(10, 10))
    players = objective.players(model)
    assert [p.name for p in players] == ["model", "critic"]
    ids = [id(parameter) for player in players for parameter in player.parameters]
    everything = {id(p) for module in (model, objective) for p in module.parameters()}
    assert len(ids) == len(set(ids))
    assert set(ids) == everything


def test_the_critic_learns_the_log_density_ratio():
    """On correlated normals the ratio is known: its mean under q is the total correlation."""
    torch.manual_seed(0)
    rho = 0.8
    critic = er.MLP(2, size=1, hidden=(64, 64))
    ratio = er.DensityRatio(critic, er.permute_dims)
    (player,) = ratio.adversaries()
    optimizer = torch.optim.Adam(player.parameters, lr=3e-3)

    def codes(n):
        a, b = torch.randn(2, n)
        z = torch.stack((a, rho * a + (1 - rho**2) ** 0.5 * b), -1)
        return er.Draw(z, None, er.Latent(z[None], None, None))

    for _ in range(600):
        optimizer.zero_grad()
        player.loss(codes(512), NOW).backward()
        optimizer.step()
    exact = -0.5 * torch.log(torch.tensor(1 - rho**2))
    assert ratio(codes(20_000), NOW).item() == pytest.approx(exact.item(), abs=0.08)


def test_two_critics_are_two_players_and_both_move(tmp_path):
    torch.manual_seed(0)
    model, elbo = er.recipes.vae(SHAPE, latent=3)
    critics = [er.MLP(3, size=1, hidden=(8,)) for _ in range(2)]
    objective = elbo + er.DensityRatio(critics[0], er.permute_dims) + er.DensityRatio(critics[1], er.permute_dims)
    assert [p.name for p in objective.players(model)] == ["model", "critic", "critic-2"]
    before = [critic.layers[-1].weight.clone() for critic in critics]
    er.fit(model, objective, er.load_data("digits"), steps=3, out=tmp_path / "run", device="cpu")
    for critic, weight in zip(critics, before, strict=True):
        assert not torch.equal(critic.layers[-1].weight, weight)


def test_terms_divide_and_take_any_real_number(draw):
    import numpy as np

    kl = er.KL()(draw, NOW)
    assert (er.KL() / 2)(draw, NOW) == pytest.approx(kl.item() / 2)
    assert (np.float32(2) * er.KL())(draw, NOW) == pytest.approx(2 * kl.item())


def test_mmd_compares_with_the_models_own_prior():
    torch.manual_seed(0)
    far = er.Mixture(2, components=1)
    with torch.no_grad():
        far.loc.fill_(5.0)
    z = torch.randn(1, 300, 2)
    near, away = (er.Draw(z[0], None, er.Latent(z, None, prior)) for prior in (er.StandardNormal(2)(), far()))
    assert abs(er.MMD()(near, NOW).item()) < 0.1
    assert er.MMD()(away, NOW).item() > 1
    assert er.MMD()(er.Draw(z[0], None, er.Latent(z[:, :1], None, None)), NOW) == 0
