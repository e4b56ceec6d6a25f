"""Likelihoods of a table's rows, with missing values."""

import itertools
import pickle

import pytest
import torch

import elbowroom as er
from elbowroom.column_bins import ColumnBins
from elbowroom.families.binned import Bins, Modes
from elbowroom.table_shape import TableShape


class TestColumns:
    def family(self):
        return er.Columns(er.Gaussian(1), er.Bernoulli(1), er.Classes(3), er.DiagonalNormal(1))

    def test_the_probability_of_a_row_is_the_product_over_what_is_there(self):
        family = self.family()
        phi = torch.randn(5, family.size)
        x = torch.tensor([0.3, 1.0, 2.0, -1.0]).expand(5, 4).clone()
        parts = [c(p) for c, p in zip(family.columns, phi.split(family.sizes, -1), strict=True)]
        alone = torch.stack([p.log_prob(x[:, i : i + 1]) for i, p in enumerate(parts)], 1)
        torch.testing.assert_close(family(phi).log_prob(x), alone.sum(1))
        for missing in itertools.product((False, True), repeat=4):
            given = x.masked_fill(torch.tensor(missing), torch.nan)
            expected = alone.masked_fill(torch.tensor(missing), 0).sum(1)
            torch.testing.assert_close(family(phi).log_prob(given), expected)

    def test_what_is_missing_has_no_gradient_and_breaks_none(self):
        family = self.family()
        phi = torch.randn(2, family.size, requires_grad=True)
        x = torch.tensor([[0.3, torch.nan, 2.0, torch.nan], [torch.nan] * 4])
        family(phi).log_prob(x).sum().backward()
        assert phi.grad.isfinite().all()
        assert torch.equal(phi.grad.abs().sum(1) > 0, torch.tensor([True, False]))
        assert phi.grad[0, 1] == 0

    def test_missing_at_random_is_integrated_out(self):
        """The probability of what is there is the sum over what is not."""
        family = er.Columns(er.Bernoulli(1), er.Classes(3))
        p = family(torch.randn(1, family.size))
        rows = torch.cartesian_prod(torch.arange(2.0), torch.arange(3.0))
        log_p = p.log_prob(rows)
        assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-6)
        torch.testing.assert_close(p.log_prob(torch.tensor([[1.0, torch.nan]])).exp(), log_p[3:].exp().sum()[None])

    def test_draws_and_means_are_rows(self):
        family = self.family()
        p = family(torch.randn(2, 7, family.size))
        x = p.sample((3,))
        assert x.shape == (3, 2, 7, 4)
        assert set(x[..., 2].flatten().tolist()) <= {0.0, 1.0, 2.0}
        assert p.log_prob(x).isfinite().all()
        # The most probable class, since a mean of class numbers names another class.
        assert set(p.mean[..., 2].flatten().tolist()) <= {0.0, 1.0, 2.0}

    def test_a_class_that_does_not_exist_has_no_probability(self):
        p = er.Classes(3)(torch.randn(1, 3))
        scores = p.log_prob(torch.tensor([[-1.0], [3.0], [0.5], [2.0]]))
        assert torch.equal(scores.isfinite(), torch.tensor([False, False, False, True]))

    def test_it_trains_on_a_table_with_holes(self):
        """Two columns that move together: what is missing in one is guessed from the other better than by its mean."""
        z = torch.randn(2000, 1)
        x = torch.cat((z, 2 * z, (z > 0).float()), 1) + torch.tensor([0.1, 0.1, 0.0]) * torch.randn(2000, 3)
        holes = x.masked_fill(torch.rand(2000, 3) < 0.2, torch.nan)
        decoder = er.Conditional.up(1, er.Columns(er.Gaussian(1), er.Gaussian(1), er.Bernoulli(1)), widths=(32,))
        optimizer = torch.optim.Adam(decoder.parameters(), 5e-3)
        for _ in range(150):
            loss = -decoder(z).log_prob(holes).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert (decoder(z).mean - x)[:, 1].detach().square().mean() < 0.1

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: er.Columns(er.Gaussian(1), er.Gaussian(2)), "column 2 is a Gaussian of 2 values"),
            (lambda: er.Columns(er.Gaussian(1, "optimal")), "values may be missing"),
            (lambda: er.Columns(), "at least 1"),
            (lambda: er.Classes(1), "at least 2"),
        ],
    )
    def test_columns_are_checked(self, make, words):
        with pytest.raises(ValueError, match=words):
            make()


class TestUnseenClass:
    """The mass 1 / (rows + 1) that is left for classes that no training row has."""

    def test_known_classes_share_what_it_leaves(self):
        phi = torch.randn(5, 3)
        before = er.Classes(3)(phi).log_prob(torch.arange(3.0)[:, None, None])
        p = er.Classes(3, rows=99)(phi)
        after = p.log_prob(torch.arange(4.0)[:, None, None])
        torch.testing.assert_close(after[:3], before + torch.tensor(0.99).log())
        torch.testing.assert_close(after.exp().sum(0), torch.ones(5))
        torch.testing.assert_close(after[3].exp(), torch.full((5,), 0.01))
        assert p.log_prob(torch.tensor([[4.0]])).eq(-torch.inf).all()

    def test_it_changes_no_gradient_and_is_never_drawn(self):
        gradients = []
        for rows in (0, 4):
            phi = torch.zeros(2, 3, requires_grad=True)
            er.Classes(3, rows)(phi).log_prob(torch.tensor([[1.0], [2.0]])).sum().backward()
            gradients.append(phi.grad)
        assert torch.equal(*gradients)
        phi = torch.zeros(2, 3, requires_grad=True)
        er.Classes(3, 4)(phi).log_prob(torch.tensor([[3.0], [3.0]])).sum().backward()
        assert torch.equal(phi.grad, torch.zeros(2, 3))
        assert er.Classes(3, 1)(torch.zeros(2, 3)).sample((500,)).max() == 2

    def test_rows_are_spelled_in_the_name_of_the_likelihood(self):
        shape = TableShape((1, 3), rows=450)
        assert shape.likelihood == "columns:1,3/450"
        assert TableShape((1, 1), rows=450).likelihood == "columns:1,1"
        assert pickle.loads(pickle.dumps(shape)).rows == 450
        family = er.likelihood("columns:1,3/450", (2,))
        assert family.columns[1].unseen_mass == pytest.approx(1 / 451)
        assert er.likelihood("columns:1,3", (2,)).columns[1].unseen_mass == 0
        model, _ = er.recipes.vae(shape, latent=1)
        assert model.recipe_call.arguments["likelihood"] == "columns:1,3/450"
        assert model.decoder.family.columns[1].support == (0, 3)
        for name in ("columns:1,3/", "columns:1,3/x"):
            with pytest.raises(ValueError, match="write columns:1,3 for a number and a category of 3 values"):
                er.likelihood(name, (2,))


class TestStacks:
    """Columns of a kind are scored in one pass, with the values of the same columns one by one."""

    def family(self):
        columns = [er.Gaussian(1), er.Classes(3, 50), er.Gaussian(1, 0.3), er.Classes(2, 50), er.Laplace(1)]
        columns += [er.Bernoulli(1), er.DiagonalNormal(1), er.Classes(9), er.Gaussian(1), er.Classes(3, 50)]
        columns += [er.DiagonalNormal(1, floor=-3.0), er.StudentT(1), er.Gaussian(1, 0.2), er.StudentT(1, 3.0)]
        bins = [ColumnBins.parse(text) for text in ("-1;0!;1;2", "0;1")]
        columns += [Bins(bins[0], 50), Bins(bins[1], 50), Bins(bins[0]), Modes(bins[0]), Modes(bins[1])]
        family = er.Columns(*columns)
        torch.manual_seed(0)
        for parameter in family.parameters():
            torch.nn.init.uniform_(parameter, -0.1, 0.1)
        return family

    def test_they_are_of_one_kind_in_any_order(self):
        assert self.family().stacks == [
            [0, 8],
            [1, 3, 9],
            [2, 12],
            [4],
            [5],
            [6],
            [7],
            [10],
            [11],
            [13],
            [14, 15],
            [16],
            [17, 18],
        ]

    def test_scores_gradients_means_and_draws_are_those_of_columns_one_by_one(self):
        family = self.family()
        phi = torch.randn(4, 5, family.size, requires_grad=True)
        with torch.no_grad():
            x = family(phi).sample()[0]
        x[0, 1], x[2, 0], x[3, 3] = 3.0, torch.nan, torch.nan  # a class that was never seen; two that are missing
        x[0, 14:16], x[1, 14:16] = torch.tensor([[7.0, -3.0], [0.0, 1.0]])  # beyond the bins, and on an edge
        stacked, single = family(phi), er.distributions.IndependentColumns(family.build_columns(phi))
        assert (stacked.batch_shape, stacked.event_shape) == (single.batch_shape, single.event_shape)
        torch.testing.assert_close(stacked.mean, single.mean)
        variables = [phi, *family.parameters()]
        results = []
        for p in (stacked, single):
            score = p.log_prob(x)
            results.append((score, *torch.autograd.grad(score.sum(), variables)))
            torch.manual_seed(1)
            results[-1] += (p.sample((2,)),)
        for ours, expected in zip(*results, strict=True):
            torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)

    def test_they_leave_no_trace_in_the_weights_of_a_run(self):
        assert set(er.Columns(er.Gaussian(1), er.Classes(3)).state_dict()) == {"columns.0.tenth"}
