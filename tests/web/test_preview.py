"""er.show: images of any layout as a grid, rows and tables as HTML."""

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from tests.cli.table_run import write_people

X = torch.rand(4, 1, 8, 8)


@pytest.mark.parametrize(
    "x",
    [
        X,
        X[:, 0],
        X.numpy(),
        list(X),
        (X * 255).round().byte(),
        X.expand(-1, 3, -1, -1),
        X.expand(-1, 3, -1, -1).movedim(1, -1),
        [Image.fromarray((image[0].numpy() * 255).round().astype(np.uint8)) for image in X],
    ],
)
def test_images_of_any_layout_are_the_same_grid(x):
    shown = np.asarray(er.show(x).image.convert("L")).astype(int)
    expected = np.asarray(er.show(X).image.convert("L")).astype(int)
    assert np.abs(shown - expected).max() <= 1
    assert er.show(x)._repr_png_().startswith(b"\x89PNG")


def test_one_image_a_split_and_data():
    digits = er.load_data("digits")
    assert er.show(digits.test).image.size == er.show(digits.test.first(64).x).image.size
    assert er.show(X[0]).image.size == er.show(X[:1]).image.size
    assert er.show(digits).image.height > er.show(digits.train).image.height


def test_rows_of_images_are_drawn_below_one_another_with_their_names():
    above, named = er.show([X, 1 - X]).image, er.show(torch.stack([X, 1 - X]), labels=["x", "1 − x"]).image
    assert above.width > above.height > er.show(X[None]).image.height
    assert named.width > above.width


def test_a_table_has_its_names_and_values(tmp_path):
    path = write_people(tmp_path / "people.csv")
    shown = er.show(er.load_data(path, validation=0, test=0, label="left"))
    assert list(shown.names) == ["age", "amount", "plan", "zip", "label"]
    first = path.read_text().splitlines()[2].split(",")
    assert [shown.rows[1][0], *shown.rows[1][2:]] == [first[0], *first[2:]]
    assert shown.rows[0][1] == ""
    html = shown._repr_html_()
    assert "<th>amount</th>" in html
    assert f"<td>{first[3]}</td>" in html
    assert er.show(path).save(tmp_path / "x.html").read_text().startswith("<table>")


def test_cells_are_escaped():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": ["<b>", "c"] * 20, "n": [0.5, 1.25, 0.75, 2.0] * 10})
    assert "<b>" not in er.show(frame)._repr_html_()


def test_what_is_neither_images_nor_rows():
    with pytest.raises(ValueError, match="neither images nor rows: give"):
        er.show(torch.zeros(2, 5, 4, 4, 4))
    with pytest.raises(ValueError, match="2 examples to show have 2 shapes"):
        er.show([np.zeros((2, 2)), np.zeros((3, 3))])
