"""Parameter grids: the product of the values, and the names of the points."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elbowroom.sweeps import parameter_grid
from elbowroom.sweeps.grid import MAX_NAME_CHARS, name_points

VALUES = st.lists(
    st.one_of(st.integers(-5, 5), st.booleans(), st.none(), st.text("ab/. ", max_size=3)), min_size=1, max_size=4
)


AXES = st.dictionaries(st.sampled_from(["latent", "lr", "seed", "schedule"]), VALUES, min_size=1)


@given(AXES)
@settings(max_examples=60, deadline=None)
def test_a_grid_is_the_product_of_its_axes_each_combination_once(axes):
    points = parameter_grid(axes)
    product = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    assert [json.dumps(point) for point in points] == list(dict.fromkeys(json.dumps(point) for point in product))


@given(AXES)
@settings(max_examples=60, deadline=None)
def test_every_point_has_a_name_of_its_own_that_is_one_folder(axes):
    points = parameter_grid(axes)
    found = name_points(points, {})
    assert list(found.values()) == points
    for name in found:
        assert name not in ("", ".", "..")
        assert not set(name) & set('/\\:*?"<>| \n')
        assert len(name) <= MAX_NAME_CHARS + 4


def test_a_name_says_what_differs():
    points = parameter_grid({"latent": (2, 20), "hidden": ((400,), (400, 200), ()), "lr": (0.001,), "seed": (0,)})
    assert list(name_points(points, {}))[:3] == [
        "latent=2,hidden=400",
        "latent=2,hidden=400x200",
        "latent=2,hidden=none",
    ]


def test_a_grid_that_grows_keeps_its_names():
    first = name_points(parameter_grid({"latent": (2, 5), "lr": (0.001,)}), {})
    grown = name_points(parameter_grid({"latent": (2, 5), "lr": (0.001, 0.01)}), first)
    assert set(first) < set(grown)
    assert {name for name in grown if name not in first} == {"latent=2,lr=0.01", "latent=5,lr=0.01"}
    # From JSON, as a sweep remembers them, lists come back for tuples.
    again = name_points(parameter_grid({"hidden": ((64, 32), (8,))}), {"mine": {"hidden": [64, 32]}})
    assert list(again) == ["mine", "hidden=8"]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"latent": []}, "the grid's 'latent' has no value: give one"),
        ({"latent": 5}, r"the grid's 'latent' is 5, not its values: give a list, as \[5\]"),
        ({"data": "digits"}, "the grid's 'data' is 'digits', not its values"),
    ],
)
def test_a_grid_without_values_is_refused(axes, words):
    with pytest.raises(ValueError, match=words):
        parameter_grid(axes)
