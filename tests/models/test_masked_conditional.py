"""The model of hidden values given visible ones: what is visible is not scored, and is not decoded anew."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.column_bins import ColumnBins
from elbowroom.distributions.elements import elementwise_log_prob
from elbowroom.latent.imputation import expect_missing
from elbowroom.models.masked_conditional import UNIFORM_SHARE, MaskedConditional
from elbowroom.networks.gap_context import GapContext
from elbowroom.table_shape import TableShape

SHAPE = TableShape((1, 3, 1))


def make_model(hide=0.0):
    torch.manual_seed(0)
    return MaskedConditional(SHAPE, er.likelihood("columns", SHAPE), 2, (16,), hide=hide)


def random_rows(n):
    return torch.stack((torch.randn(n), torch.randint(3, (n,)).float(), torch.randn(n)), 1)


def test_the_share_of_hidden_values_is_as_given_or_uniform():
    x = random_rows(4000)
    hidden = ~make_model(hide=0.3)._choose_visible(x)
    assert hidden.float().mean() == pytest.approx(0.3, abs=0.02)
    shares = (~make_model()._choose_visible(x)).float().mean(1)
    # The number of hidden values of three is uniform on 0 to 3 where the share is uniform.
    assert (3 * shares).round().int().bincount() / 4000 == pytest.approx([0.25] * 4, abs=0.03)


def test_by_default_it_is_trained_on_the_gaps_of_other_rows():
    """Every other row lacks the first value; the one before it in the batch is what a row hides like."""
    x = random_rows(4000)
    x[::2, 0] = math.nan
    hidden = ~make_model()._choose_visible(x) & ~x.isnan()
    uniform = UNIFORM_SHARE / 2
    assert hidden[1::2, 0].float().mean() == pytest.approx(1 - uniform, abs=0.04)
    # A row with a gap has one without any before it, and so a uniform share.
    assert hidden[1::2, 1].float().mean() == pytest.approx(uniform, abs=0.04)
    assert hidden[::2, 1].float().mean() == pytest.approx(0.5, abs=0.04)


def test_visible_and_missing_values_are_not_scored():
    model = make_model(hide=0.5).train()
    x = random_rows(200).masked_fill(torch.rand(200, 3) < 0.3, math.nan)
    draw = model.draw(x, k=2)
    is_scored = ~draw.x.isnan()
    assert torch.equal(draw.x[is_scored], x[is_scored])
    assert not is_scored[x.isnan()].any()
    assert 0.3 < is_scored[~x.isnan()].float().mean() < 0.7
    torch.testing.assert_close(draw.log_px, draw.p.log_prob(draw.x))


def test_visible_pixels_are_not_scored_where_pixels_are_independent():
    x = torch.rand(50, 1, 3, 2).round()
    model, _ = er.recipes.vaeac((1, 3, 2), latent=2, hidden=(8,), hide=0.5)
    draw = model.train().draw(x)
    pixels = torch.where(draw.x.isnan(), 0.0, elementwise_log_prob(draw.p.base, x))
    assert 0.3 < draw.x.isnan().float().mean() < 0.7
    torch.testing.assert_close(draw.log_px, pixels.flatten(2).sum(-1))
    together, _ = er.recipes.vaeac((1, 3, 2), latent=2, hidden=(8,), likelihood="gaussian:optimal")
    assert torch.equal(together.train().draw(x).x, x)


def test_in_evaluation_all_is_hidden_so_that_the_bound_is_one_of_log_px():
    model, x = make_model().eval(), random_rows(8)
    draw = model.draw(x, k=3)
    assert torch.equal(draw.x, x)
    torch.testing.assert_close(draw.p.mean, model.decode(draw.z).mean)
    prior = model.latent_prior()
    torch.testing.assert_close(draw.log_pz, prior.log_prob(draw.z))


def test_proposals_depend_on_what_is_visible():
    model = make_model().eval()
    x = torch.tensor([[1.0, 2.0, math.nan], [-1.0, 0.0, math.nan]])
    with er.noise.zero_noise():
        p = model.propose_missing(x).p
    assert p.mean[0, 0, 2] != p.mean[0, 1, 2]
    assert model.propose_missing(x, k=6).log_w.eq(0).all()


def test_a_context_tells_a_gap_from_a_zero():
    context = GapContext((2,))
    assert context(torch.tensor([[0.0, math.nan]])).tolist() == [[0.0, 0.0, 1.0, 0.0]]
    assert context.size == 4


def test_a_binned_number_enters_in_pieces_beside_its_value():
    context = GapContext(TableShape((1, 2), bins=[ColumnBins.parse("0;1;3"), None]))
    *_, low, high = context(torch.tensor([2.0, math.nan])).tolist()
    assert (low, high) == (1.0, 0.5)
    assert context(torch.full((2,), math.nan)).tolist() == [0.0] * context.size


def test_edges_of_many_bins_are_thinned_and_keep_both_ends():
    bins = ColumnBins.parse(";".join(map(str, range(101))))
    pieces = GapContext(TableShape((1,), bins=[bins])).pieces
    assert pieces.size == 16
    assert (pieces.low[0], pieces.low[-1] + pieces.width[-1]) == (0, 100)


def test_it_learns_a_value_that_follows_from_another():
    torch.manual_seed(0)
    a = torch.randn(512)
    x, shape = torch.stack((a, -a), 1), TableShape((1, 1))
    model, objective = er.recipes.vaeac(shape, latent=2, hidden=(32,))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        objective(model.draw(x), torch.tensor(0)).backward()
        optimizer.step()
    given = x.clone()
    given[:, 1] = math.nan
    assert (expect_missing(model, given, samples=20) - x)[:, 1].square().mean() < 0.1


def test_a_share_of_all_is_refused():
    with pytest.raises(ValueError, match=r"hide is the share of values that training hides, from 0 to below 1, got 1"):
        make_model(hide=1.0)
