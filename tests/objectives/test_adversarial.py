"""The density ratio and its critic."""

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)


STEP = torch.tensor(0)


def test_permute_dims_keeps_marginals_and_breaks_dependence():
    torch.manual_seed(0)
    z = torch.randn(10_000, 1).repeat(1, 3)
    permuted = er.permute_dims(z)
    assert torch.equal(permuted.sort(0).values, z.sort(0).values)
    assert (torch.corrcoef(permuted.T) - torch.eye(3)).abs().max() < 0.05


def test_the_critic_learns_the_log_density_ratio():
    """On correlated normals the ratio is known: its mean under q is the total correlation."""
    torch.manual_seed(0)
    rho = 0.8
    critic = er.MLP(2, size=1, hidden=(64, 64))
    ratio = er.DensityRatio(critic, er.permute_dims)
    (player,) = ratio.adversaries()
    optimizer = torch.optim.Adam(player.parameters, lr=3e-3)

    def correlated_draw(n):
        a, b = torch.randn(2, n)
        z = torch.stack((a, rho * a + (1 - rho**2) ** 0.5 * b), -1)
        return er.Draw(z, None, er.Latent(z[None], None, None))

    for _ in range(400):
        optimizer.zero_grad()
        player.loss(correlated_draw(512), STEP).backward()
        optimizer.step()
    exact = -0.5 * torch.log(torch.tensor(1 - rho**2))
    assert ratio(correlated_draw(20_000), STEP).item() == pytest.approx(exact.item(), abs=0.08)


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
