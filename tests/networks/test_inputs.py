"""The encoding of a table's row, and models of tables."""

import pickle

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.networks import BLOCKS, CellEncoder
from elbowroom.table_shape import TableShape
from tests.networks.shapes import MIXED, random_examples, vae


class TestCells:
    def test_categories_are_one_hot_and_what_is_missing_is_nothing(self):
        x = random_examples(50, MIXED)
        out, begin = CellEncoder(MIXED)(x), 0
        for column_index, size in enumerate(MIXED.sizes):
            encoded, present = out[:, begin : begin + size], ~x[:, column_index].isnan()
            begin += size
            assert (encoded[~present] == 0).all()
            column = x[present, column_index]
            expected = column[:, None] if size == 1 else nn.functional.one_hot(column.long(), size).float()
            assert torch.equal(encoded[present], expected)
        assert begin == out.shape[1]

    def test_gradients_pass_between_categories(self):
        x = torch.tensor([[0.25]], requires_grad=True)
        out = CellEncoder(TableShape((3,)))(x)
        assert out.tolist() == [[0.75, 0.25, 0.0]]
        out[0, 1].backward()
        assert x.grad == 1

    @pytest.mark.parametrize("network", ["mlp", *BLOCKS])
    def test_a_missing_number_is_the_mean_to_an_encoder_and_a_missing_category_none(self, network):
        model, _ = vae(network, TableShape((1, 3)), "columns")
        z = model.encode(torch.tensor([[torch.nan, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, torch.nan]]))
        assert torch.equal(z[0], z[1])
        assert not torch.allclose(z[2], z[3])


def test_a_row_names_its_likelihood_and_is_rebuilt_from_it():
    model, _ = er.recipes.vae(MIXED, latent=2)
    assert model.recipe_call.arguments["likelihood"] == "columns:1,1,2,3,1,5,2,1,4" == MIXED.likelihood
    assert [type(column).__name__ for column in model.decoder.family.columns[:4]] == ["Gaussian"] * 2 + ["Classes"] * 2
    assert er.recipes.vae(MIXED, likelihood="laplace")[0].decoder.family.shape == (9,)
    assert pickle.loads(pickle.dumps(MIXED)).sizes == MIXED.sizes
    assert MIXED == (9,)


@pytest.mark.parametrize(
    ("shape", "likelihood", "words"),
    [
        ((1, 8, 8), "columns", "likelihood 'columns' is for tables, and examples of 1x8x8 are none: give the shape"),
        ((3,), "columns:1,2", "likelihood 'columns:1,2' has 2 columns, and the examples are 3: spell out as many"),
        ((2,), "columns:1,x", "write columns:1,3 for a number and a category of 3 values"),
        ((2,), "columns:1,0", "each 1 for numbers or the number of its categories"),
        ((2,), "colums", "did you mean 'columns'"),
    ],
)
def test_rows_are_checked(shape, likelihood, words):
    with pytest.raises(ValueError, match=words) as error:
        er.recipes.vae(shape, likelihood=likelihood)
    assert "\n" not in str(error.value)


def test_networks_take_nine_mixed_columns():
    numbers = [er.Gaussian(1), er.Gaussian(1), er.Laplace(1), er.DiagonalNormal(1)]
    family = er.Columns(*numbers, er.Bernoulli(1), er.Bernoulli(1), er.Classes(2), er.Classes(7), er.Classes(3))
    assert family.shape == (9,)
    decoder = er.Conditional.up(4, family, "s")
    x = decoder(torch.randn(5, 4)).sample()
    model = er.Model(er.Conditional.down((9,), er.DiagonalNormal(4), "s"), decoder, er.StandardNormal(4))
    assert model.draw(x, k=2).log_w.shape == (2, 5)
    assert model.reconstruct(x).shape == (5, 9)
