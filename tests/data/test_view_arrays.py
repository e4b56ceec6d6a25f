"""Views of the same examples: as arrays of a dictionary or a file, some of them missing."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data import load_like
from tests.data.sources import WHOLE, noise


def two_views(n=20):
    return {"image": noise(0, (n, 8, 8)), "digit": np.arange(n) % 3}


def test_bytes_are_pixels_and_whole_numbers_classes():
    data = er.load_data(two_views(), **WHOLE)
    assert data.shape.likelihood == "views:image=bernoulli@1x8x8+digit=columns:3@1"
    assert data.protocol["views"] == data.shape.likelihood
    parts = data.shape.split(data.train.first(20).x)
    torch.testing.assert_close(parts["image"][:, 0], torch.from_numpy(two_views()["image"]) / 255)
    assert parts["digit"][:, 0].tolist() == (np.arange(20) % 3).tolist()
    assert data.classes == ("0", "1", "2")
    assert data.train.y.tolist() == (np.arange(20) % 3).tolist()


def test_views_of_pixels_alone_stay_bytes():
    pixels = {"left": noise(0, (9, 4, 5)), "right": noise(1, (9, 6, 6, 3)), "y": np.array(list("abc") * 3)}
    data = er.load_data(pixels, **WHOLE)
    assert data.train.x.dtype == torch.uint8
    assert data.discrete
    assert [view.shape for view in data.shape.views] == [(1, 4, 5), (3, 6, 6)]
    right = data.shape.split(data.train.first(9).x)["right"]
    torch.testing.assert_close(right, torch.from_numpy(pixels["right"]).permute(0, 3, 1, 2) / 255)
    assert data.classes == ("a", "b", "c")


def test_numbers_are_gaussian_and_names_classes():
    data = er.load_data({"genes": np.random.randn(12, 5), "tissue": np.array(["b", "a"] * 6)}, **WHOLE)
    assert data.shape.likelihood == "views:genes=gaussian@5+tissue=columns:2@1"
    assert data.shape.split(data.train.first(2).x)["tissue"].tolist() == [[1], [0]]


def test_a_missing_name_is_no_class():
    views = {"image": np.random.rand(6, 4, 4), "digit": np.array(["two", "-1", "one", "two", "-1", "one"])}
    data = er.load_data(views, validation=0, test=0)
    assert data.classes == ("one", "two")
    assert data.train.y.tolist() == [1, -1, 0, 1, -1, 0]


@pytest.mark.parametrize("missing", [None, np.nan, "-1"])
def test_a_missing_name_among_objects_is_no_class(missing):
    views = {"genes": np.random.randn(6, 2), "tissue": np.array(["b", missing, "a"] * 2, dtype=object)}
    data = er.load_data(views, **WHOLE)
    assert data.classes == ("a", "b")
    assert data.train.y.tolist() == [1, -1, 0] * 2


@pytest.mark.parametrize(
    ("classes", "is_noted"), [([0, np.nan, 2], True), ([0.5, np.nan, 2], False), ([0, 1, 2], False)]
)
def test_classes_with_gaps_are_not_taken_for_numbers_without_a_word(classes, is_noted, recwarn):
    data = er.load_data({"genes": np.random.randn(6, 2), "tissue": np.array(classes * 2, dtype=float)}, **WHOLE)
    assert data.shape.likelihood == "views:genes=gaussian@2+tissue=gaussian@1"
    assert any("view 'tissue' of x holds whole numbers with gaps" in str(w.message) for w in recwarn) is is_noted


def test_what_is_missing_is_nan():
    views = {"image": np.random.rand(6, 4, 4), "digit": np.array([0, -1, 2, 1, -1, 0])}
    views["image"][2] = np.nan
    data = er.load_data(views, **WHOLE)
    parts = data.shape.split(data.train.first(6).x)
    assert parts["image"].flatten(1).isnan().all(1).tolist() == [False, False, True, False, False, False]
    assert parts["digit"][:, 0].isnan().tolist() == [False, True, False, False, True, False]
    assert data.train.y.tolist() == [0, -1, 2, 1, -1, 0]


def test_splits_by_the_endings_of_names_and_by_a_dictionary(tmp_path):
    train, test = two_views(30), two_views(10)
    file = tmp_path / "views.npz"
    np.savez(file, **{f"{k}_train": v for k, v in train.items()}, **{f"{k}_test": v for k, v in test.items()})
    of_file, of_dict = er.load_data(file, validation=0), er.load_data({"train": train, "test": test}, validation=0)
    assert of_file.protocol["sizes"] == of_dict.protocol["sizes"] == {"train": 30, "test": 10}
    assert of_file.protocol["fingerprint"] == of_dict.protocol["fingerprint"]
    assert load_like(two_views(5), of_file.protocol).shape == of_file.shape


def test_a_dictionary_of_single_values_is_a_table_as_before():
    assert er.load_data({"a": [0.0, 1, 2, 3] * 5, "b": ["x", "y"] * 10}).columns is not None
    assert er.load_data({"x": noise(0, (9, 4, 4)), "y": np.arange(9) % 3}, **WHOLE).shape == (1, 4, 4)


@pytest.mark.parametrize(
    ("views", "error"),
    [
        ({"a": np.zeros((5, 2)), "b": np.zeros((4, 2))}, r"views of different lengths \(a 5, b 4\)"),
        ({"a": np.zeros((5, 2), complex), "b": np.zeros((5, 2))}, "view 'a' of x holds complex128 values"),
        ({"a_test": np.zeros((5, 2)), "b_test": np.zeros(5)}, "name those to train on a_train or a"),
        ({"a": np.zeros((5, 2)), "b": np.zeros((5, 2)), "a_test": np.zeros((3, 2))}, "x, test has no view 'b'"),
        ({"a": np.zeros((0, 2)), "b": np.zeros((0, 2))}, "view 'a' of x holds no examples"),
        ({"a": np.zeros((5, 2)), "b": np.diag([0, 0, np.inf])[[0, 1, 0, 2, 2]]}, "infinite .* in 2 of 5 .* index 3"),
    ],
)
def test_views_that_cannot_be_read(views, error):
    with pytest.raises(ValueError, match=error):
        er.load_data(views)


def test_a_model_of_views_takes_some_of_them_by_name():
    data = er.load_data(two_views(), **WHOLE)
    model, _ = er.recipes.mvae(data.shape, latent=2, hidden=(8,), seed=0)
    x = data.train.first(3).x
    torch.testing.assert_close(model.encode({k: v[:3] for k, v in two_views().items()}), model.encode(x))
    of_image = model.encode({"image": two_views()["image"][:3]})
    torch.testing.assert_close(of_image, model.encode(data.shape.keep(x, ["image"])))
    with pytest.raises(ValueError, match="unknown view 'picture'"):
        model.encode({"picture": two_views()["image"][:3]})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "names"), [("mnist-classes", ("image", "class")), ("mnist-fashion", ("digit", "garment"))]
)
def test_views_of_mnist(real_data, name, names):
    data = er.load_data(name)
    assert data.shape.names == names
    assert data.protocol["sizes"] == {"train": 59_000, "validation": 1_000, "test": 10_000}
    digits = er.load_data("mnist").test.first(5)
    batch = data.test.first(5)
    torch.testing.assert_close(data.shape.split(batch.x)[names[0]], digits.x)
    assert batch.y.tolist() == digits.y.tolist()
