"""Scores of disentanglement against cases whose value is known, and formulas of their own."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

import elbowroom as er
from elbowroom.evaluation.disentanglement.information import bin_indices, mutual_information
from elbowroom.evaluation.disentanglement.registry import DISENTANGLEMENT_SCORES

#: Groups of the scores that draw such, few so that tests are fast.
FEW = {"n_fit": 400, "n_test": 400}
N_VALUES = (3, 5, 4)
#: Of three factors a score of chance is a third, or of an area under a curve one half.
CHANCE = {"factor_vae_score": 1 / 3, "beta_vae_score": 1 / 3, "explicitness": 0.5}


@pytest.fixture(scope="module")
def factors():
    """All combinations of three factors, ten times."""
    grid = np.stack(np.meshgrid(*map(np.arange, N_VALUES), indexing="ij"), -1).reshape(-1, 3)
    return np.tile(grid, (10, 1))


def measure(name, z, factors):
    """Return the values of a score by the names of its metrics."""
    row = DISENTANGLEMENT_SCORES[name]
    value = row.function(z, factors, seed=0, **(FEW if name.endswith("vae_score") else {}))
    return dict(zip(row.metrics, value if isinstance(value, tuple) else (value,), strict=True))


def noise(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("name", sorted(set(DISENTANGLEMENT_SCORES) - {"sap", "explicitness"}))
def test_latents_that_are_the_factors_score_one(name, factors):
    for values in measure(name, 2.0 * factors - 1, factors).values():
        assert values == pytest.approx(1, abs=1e-9 if name != "dci" else 0.01)


@pytest.mark.parametrize("name", DISENTANGLEMENT_SCORES)
def test_latents_that_know_nothing_score_zero_or_chance(name, factors):
    values = measure(name, noise(len(factors), 3), factors)
    chance = CHANCE.get(name, 0)
    if name in ("dci", "modularity", "irs"):  # what noise tells of factors by chance is spread over them by chance
        assert all(value < 0.75 for value in values.values())
    else:
        assert list(values.values()) == [pytest.approx(chance, abs=0.12)]


@pytest.mark.parametrize("name", DISENTANGLEMENT_SCORES)
def test_order_scale_and_sign_of_latents_do_not_matter(name, factors):
    z = factors + 0.3 * noise(len(factors), 3)
    turned = z[:, [2, 0, 1]] * np.array([-2.0, 4.0, 1.0])
    first, second = measure(name, z, factors), measure(name, turned, factors)
    tolerance = 0.1 if name in ("sap", "beta_vae_score", "irs", "explicitness") else 0.05
    assert list(second.values()) == pytest.approx(list(first.values()), abs=tolerance)


@pytest.mark.parametrize("name", DISENTANGLEMENT_SCORES)
def test_tensors_are_taken_as_arrays_and_the_same_seed_gives_the_same(name, factors):
    z = torch.from_numpy(factors + 0.3 * noise(len(factors), 3)).bfloat16().requires_grad_()
    assert measure(name, z, torch.from_numpy(factors)) == measure(name, z.detach().float().numpy(), factors)


def test_a_pair_that_is_rotated_by_45_degrees_has_no_gap_and_keeps_its_explicitness():
    v = np.random.default_rng(1).integers(2, size=(4000, 2))
    turned = (v - 0.5) @ np.array([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2)
    assert er.disentanglement.mig(turned, v) == pytest.approx(0, abs=0.01)
    assert er.disentanglement.modularity(turned, v) == pytest.approx(0, abs=0.05)
    d, c, informativeness = er.disentanglement.dci(turned, v)
    assert max(d, c) < 0.1
    assert informativeness == 1
    assert er.disentanglement.explicitness(turned, v) == 1
    # each latent is 0 for half of the combinations: half a bit of each factor, as H(sum) - H(sum | factor)
    assert mutual_information(turned, v) == pytest.approx(np.full((2, 2), 0.5 * math.log(2)), abs=0.01)


def test_mutual_information_is_that_of_scikit_learn(factors):
    z = factors @ noise(3, 4) + 0.5 * noise(len(factors), 4)
    expected = [[mutual_info_score(bin_indices(a), b) for b in factors.T] for a in z.T]
    assert mutual_information(z, factors) == pytest.approx(np.array(expected))


def test_bins_are_those_of_a_histogram():
    z = noise(1000, 1)[:, 0]
    assert np.bincount(bin_indices(z, 20)).tolist() == np.histogram(z, 20)[0].tolist()


def test_mig_of_a_factor_that_two_latents_share_by_halves():
    """Of two bits, the first latent has both and the second one: the gap is one of two bits."""
    v = np.random.default_rng(0).integers(4, size=(20_000, 1))
    assert er.disentanglement.mig(np.hstack([v, v // 2]), v) == pytest.approx(0.5, abs=1e-3)


def test_completeness_falls_where_a_factor_takes_two_latents_and_disentanglement_does_not():
    v = np.random.default_rng(0).integers(4, size=(4000, 2))
    z = np.column_stack([v[:, 0] // 2, v[:, 0] % 2, v[:, 1]])
    d, c, _ = er.disentanglement.dci(z, v)
    assert d > 0.99
    # the first factor takes two of three latents alike, the second one
    assert c == pytest.approx(1 - 0.5 * math.log(2) / math.log(3), abs=0.02)


def test_sap_of_a_binary_factor_is_the_gap_of_accuracies():
    rng = np.random.default_rng(0)
    v = rng.integers(2, size=(6000, 1))
    z = np.column_stack([np.where(rng.random(6000) < share, v[:, 0], 1 - v[:, 0]) for share in (0.95, 0.7)])
    assert er.disentanglement.sap(z, v) == pytest.approx(0.25, abs=0.03)


def test_irs_by_hand():
    v = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    z = v[:, :1] + 0.2 * v[:, 1:]  # the mean is 0.6, the largest deviation 0.6, and within a value of the first 0.1
    assert er.disentanglement.irs(z, v, quantile=1) == pytest.approx(1 - 0.1 / 0.6)


def test_collapsed_latents_have_no_vote(factors):
    z = np.column_stack([factors[:, 0], 0.01 * factors[:, 1], 0.01 * factors[:, 2]])
    assert er.disentanglement.factor_vae_score(z, factors, **FEW) == pytest.approx(1 / 3, abs=0.08)
    assert er.disentanglement.factor_vae_score(0 * z, factors, **FEW) == 0


@pytest.mark.parametrize("name", ["mig", "sap", "modularity", "irs", "factor_vae_score"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 0.3, 0.7])
def test_constant_latents_score_zero_whatever_the_rounding_of_their_mean(name, constant):
    v = np.random.default_rng(22).integers(3, size=(3001, 2))
    few = FEW if name == "factor_vae_score" else {}
    assert DISENTANGLEMENT_SCORES[name].function(np.full((3001, 2), constant), v, **few) == 0


def test_independent_variables_have_no_information_of_each_other_whatever_the_rounding():
    v = np.random.default_rng(22).integers(3, size=(3001, 2))
    assert not mutual_information(np.full((3001, 1), 0.5), v).any()


@pytest.mark.parametrize("name", ["sap", "explicitness", "dci"])
@pytest.mark.parametrize("n", [2, 3])
def test_examples_too_few_to_hold_some_out(name, n):
    v = np.column_stack([np.arange(n), np.arange(n)])
    with pytest.raises(ValueError, match=f"^{n} examples are too few: a third is held out"):
        DISENTANGLEMENT_SCORES[name].function(v, v)


@pytest.mark.parametrize(
    ("z", "v", "message"),
    [
        (np.ones((5, 2)), np.ones((4, 2)), r"latents \(5, 2\) and factors \(4, 2\): expected"),
        (np.ones((5, 2)), np.ones((5, 2)), "factor 0 has one value in all examples: leave it out"),
        (np.full((2, 1), np.nan), np.array([[0], [1]]), "hold NaN or infinite values: leave these examples out"),
    ],
)
def test_advice(z, v, message):
    for row in DISENTANGLEMENT_SCORES.values():
        with pytest.raises(ValueError, match=message):
            row.function(z, v)


@pytest.mark.parametrize("name", ["dci", "modularity", "beta_vae_score", "factor_vae_score"])
def test_one_factor_has_no_others_to_compare_with(name):
    with pytest.raises(ValueError, match=r"(with others|tells factors apart), and there .*: give more"):
        DISENTANGLEMENT_SCORES[name].function(np.arange(4.0)[:, None], np.arange(4))
