"""Maximum mean discrepancy and sliced Wasserstein distance."""

import pytest
import scipy.stats
import torch

import elbowroom as er
from elbowroom.objectives.divergences import mmd, sliced_wasserstein

SHAPE = (1, 8, 8)


STEP = torch.tensor(0)


def test_a_term_for_one_latent_says_so_when_there_are_several():
    model, _ = er.recipes.ladder_vae(SHAPE)
    with pytest.raises(ValueError, match=r"this draw has 5 latents, expected a single one: use draw\.latents"):
        er.MMD()(model.draw(torch.rand(4, *SHAPE)), STEP)


def test_mmd_is_zero_between_equals_and_large_between_others():
    torch.manual_seed(0)
    same = torch.stack([mmd(torch.randn(100, 3), torch.randn(100, 3)) for _ in range(50)])
    assert abs(same.mean().item()) < 3 * same.std().item() / 50**0.5 + 1e-3
    assert mmd(torch.randn(100, 3) + 2, torch.randn(100, 3)) > 10 * same.std()


def test_mmd_compares_with_the_models_own_prior():
    torch.manual_seed(0)
    far = er.Mixture(2, components=1)
    with torch.no_grad():
        far.loc.fill_(5.0)
    z = torch.randn(1, 300, 2)
    near, away = (er.Draw(z[0], None, er.Latent(z, None, prior)) for prior in (er.StandardNormal(2)(), far()))
    assert abs(er.MMD()(near, STEP).item()) < 0.1
    assert er.MMD()(away, STEP).item() > 1
    assert er.MMD()(er.Draw(z[0], None, er.Latent(z[:, :1], None, None)), STEP) == 0


def test_mmd_takes_the_prior_of_each_examples_condition():
    torch.manual_seed(0)
    loc = torch.tensor([-9.0, 9.0]).repeat(150)[:, None].expand(300, 2)
    z, prior = torch.randn(1, 300, 2), er.distributions.Normal(loc, torch.zeros(300, 2))
    near, away = (er.Draw(z[0], None, er.Latent(one, None, prior)) for one in (z + loc, z))
    assert abs(er.MMD()(near, STEP).item()) < 0.1 < 1 < er.MMD()(away, STEP).item()


def test_mmd_equals_the_sum_over_pairs():
    torch.manual_seed(0)
    a, b = torch.randn(6, 3), torch.randn(6, 3) + 1
    scales = 2 * 3 * torch.tensor([0.1, 0.2, 0.5, 1, 2, 5, 10])

    def mean_kernel(u, v, pairs):
        return sum((scales / (scales + (u[i] - v[j]).square().sum())).sum() for i, j in pairs) / len(pairs)

    everything = [(i, j) for i in range(6) for j in range(6)]
    others = [(i, j) for i, j in everything if i != j]
    expected = mean_kernel(a, a, others) + mean_kernel(b, b, others) - 2 * mean_kernel(a, b, everything)
    torch.testing.assert_close(mmd(a, b), expected, atol=1e-4, rtol=1e-4)


def test_sliced_wasserstein_is_that_of_sorted_samples_in_one_dimension():
    torch.manual_seed(0)
    a, b = torch.randn(60, 1), 3 * torch.randn(60, 1) + 1
    order = [values[:, 0].sort().values for values in (a, b)]
    assert sliced_wasserstein(a, b, torch.ones(1, 1)) == pytest.approx(((order[0] - order[1]) ** 2).mean().item())
    # Where all of one sample lies to one side of the other, the first distance is that of the means.
    shifted = a.abs() + 5
    first = scipy.stats.wasserstein_distance(-b.abs()[:, 0], shifted[:, 0])
    assert sliced_wasserstein(-b.abs(), shifted, torch.ones(1, 1)) >= first**2


def test_sliced_wasserstein_is_zero_for_equals_and_the_share_of_a_shift():
    torch.manual_seed(0)
    a, shift = torch.randn(50, 4), torch.tensor([2.0, 0.0, 0.0, 0.0])
    directions = torch.nn.functional.normalize(torch.randn(4000, 4))
    assert sliced_wasserstein(a, a[torch.randperm(50)], directions) == pytest.approx(0, abs=1e-10)
    assert sliced_wasserstein(a, a + shift, directions).item() == pytest.approx(4 / 4, rel=0.05)


def test_the_sliced_term_compares_with_the_models_own_prior():
    torch.manual_seed(0)
    z = torch.randn(1, 300, 2)
    far = er.StandardNormal(2)
    far.zero.fill_(5.0)
    near, away = (er.Draw(z[0], None, er.Latent(z, None, prior())) for prior in (er.StandardNormal(2), far))
    assert er.SlicedWasserstein()(near, STEP).item() < 0.1
    assert er.SlicedWasserstein()(away, STEP).item() > 1
    with pytest.raises(ValueError, match="at least 1, got 0"):
        er.SlicedWasserstein(0)
