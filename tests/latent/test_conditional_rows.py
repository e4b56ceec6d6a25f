"""Rows with given cells, against the model's own conditional distribution."""

import pytest
import torch

import elbowroom as er
from elbowroom.data.readers.table_encoding import Column
from elbowroom.latent.conditional_rows import encode_given, sample_given
from elbowroom.noise import seeded_rng
from elbowroom.table_shape import TableShape

COLUMNS = [Column("age", "number", mean=40, sd=10), Column("sex", "category", ("f", "m"), rows=9)]


def test_rows_with_given_cells_have_the_frequencies_of_drawn_rows_that_happen_to_have_them():
    model, _ = er.recipes.vae(TableShape((3, 2, 1)), latent=1, hidden=(8,), seed=1)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3)
    with seeded_rng(0):
        free = model.sample(40_000, draw=True)
        rows, effective = sample_given(model, torch.tensor([torch.nan, 1.0, torch.nan]), 20_000)
    chosen = free[free[:, 1] == 1]
    assert (rows[:, 1] == 1).all()
    assert effective > 1000
    for level in range(3):
        assert (rows[:, 0] == level).float().mean() == pytest.approx(
            (chosen[:, 0] == level).float().mean().item(), abs=0.03
        )
    assert rows[:, 2].mean() == pytest.approx(chosen[:, 2].mean().item(), abs=0.1)


def test_cells_are_encoded_as_the_table_is():
    assert encode_given({"age": "50", "sex": "f"}, COLUMNS).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [({"sxe": "f"}, "sxe"), ({"sex": "x"}, "category of 'sex'"), ({"age": "old"}, "numbers are expected")],
)
def test_unknown_columns_and_cells_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        encode_given(given, COLUMNS)


def test_a_model_of_no_table_is_refused():
    model, _ = er.recipes.vae((4,), latent=1, hidden=(4,))
    with pytest.raises(ValueError, match="table"):
        sample_given(model, torch.zeros(4))
