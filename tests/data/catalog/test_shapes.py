"""Shapes that are drawn by factors."""

import numpy as np
import pytest
import torch

from elbowroom.data import load_data
from elbowroom.data.catalog.shapes import GRIDS, SHAPES, factor_grid, make_grid

SMALL = {"resize": 16, "examples": 200}


@pytest.fixture(scope="module")
def small_shapes():
    return load_data("shapes", **SMALL)


@pytest.mark.parametrize("name", GRIDS)
def test_every_combination_has_one_row(name):
    grid = make_grid(name)
    rows = np.random.default_rng(0).integers(len(grid), size=100)
    assert np.array_equal(grid.rows(grid.indices(rows)), rows)
    assert (grid.indices(np.array([len(grid) - 1])) == np.array(grid.sizes) - 1).all()


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_shapes_are_where_and_as_large_as_their_factors_say(shape):
    grid = make_grid("shapes")
    corners = grid.read_rows(grid.rows(np.array([[shape, 5, 3, x, y] for x in (0, 31) for y in (0, 31)])))
    first = corners[0]
    assert np.array_equal(np.roll(first, (31, 31), (0, 1)), corners[3]), "moved by whole pixels, and never cut off"
    assert np.array_equal(np.roll(first, 31, 0), corners[1]), "y goes down"
    areas = grid.read_rows(grid.rows(np.array([[shape, scale, 7, 16, 16] for scale in range(6)]))).sum((1, 2))
    assert areas / areas[-1] == pytest.approx(np.linspace(0.5, 1, 6) ** 2, abs=0.05)


def test_orientation_turns_to_the_left_and_a_square_looks_the_same_after_90_degrees():
    grid = make_grid("shapes", side=65)  # the center is a pixel

    def rotate(shape, quarters):
        return grid.draw(np.array([[shape, 5, 10 * quarters, 16, 16]]), 64)[0]

    assert (rotate(0, 0) ^ rotate(0, 1)).sum() <= 4
    assert (rotate(1, 0) ^ rotate(1, 2)).sum() <= 4
    heart = rotate(2, 0)
    assert heart[:32].sum() > heart[32:].sum(), "the point is below"
    assert (rotate(2, 1) ^ np.roll(np.rot90(heart), 1, 0)).sum() <= 40


def test_splits_share_no_combination(small_shapes):
    rows = [set(split.source_rows.tolist()) for split in small_shapes.splits.values()]
    assert [len(part) for part in rows] == [200, 1000, 10_000]
    assert len(set.union(*rows)) == 11_200
    assert small_shapes.binary
    assert small_shapes.attributes == ("shape", "scale", "orientation", "x", "y")


def test_labels_are_the_factors_of_the_images(small_shapes):
    grid, batch = factor_grid(small_shapes), small_shapes.train.first(20)
    indices = np.round(batch.y.numpy() * (np.array(grid.sizes) - 1)).astype(int)
    assert np.array_equal(grid.rows(indices), small_shapes.train.source_rows[:20])
    assert np.array_equal(grid.draw(indices, 16)[:, None], batch.x.numpy())


def test_one_factor_as_label_makes_classes(small_shapes):
    data = load_data("shapes", label="shape", **SMALL)
    assert data.classes == SHAPES
    assert torch.equal(data.train.y, (small_shapes.train.y[:, 0] * 2).long())


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_that_is_drawn_on_demand_has_the_same_examples(name):
    stored, on_demand = load_data(name, **SMALL), load_data(name, buffer=64, **SMALL)
    for one, other in zip(stored.train.first(70)[:2], on_demand.train.first(70)[:2], strict=True):
        assert torch.equal(one, other)


def test_factors_change_to_other_values_in_the_number_asked_for():
    grid, rows = make_grid("color-shapes"), np.arange(0, 1_000_000, 1000)
    n_changed = np.arange(1000) % 8
    changed = grid.change_factors(rows, n_changed, torch.Generator().manual_seed(0))
    assert np.array_equal((grid.indices(rows) != grid.indices(changed)).sum(1), n_changed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "size"}, "factor of shapes 'size'"),
        ({"examples": 800_000}, "give at most 726280"),
        ({"resize": (16, 32)}, "are square"),
    ],
)
def test_advice(options, message):
    with pytest.raises(ValueError, match=message):
        load_data("shapes", **options)


def test_other_data_takes_no_number_of_examples():
    with pytest.raises(ValueError, match="for data sets that are drawn, as shapes, and digits is none"):
        load_data("digits", examples=10)
