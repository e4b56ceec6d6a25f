"""Python objects as sources: what each kind is taken for, and what is refused."""

import datasets
import numpy as np
import pytest
import scipy.sparse
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from elbowroom.data import BufferedSplit, InMemorySplit, LoaderSplit, load_data
from elbowroom.data.sources.registry import OBJECT_READERS
from tests.data.sources import color_image, gray_image, noise

WHOLE = {"validation": 0, "test": 0}
IMAGES = noise(0, (30, 6, 5))
NAMES = ["cat", "dog", "eel"] * 10


@pytest.mark.parametrize(
    ("items", "split", "count", "shape"),
    [
        (list(IMAGES), InMemorySplit, 30, (1, 6, 5)),
        (tuple(IMAGES), InMemorySplit, 30, (1, 6, 5)),
        ([gray_image(i) for i in range(9)], InMemorySplit, 9, (1, 6, 5)),
        ([color_image(i) for i in range(9)], InMemorySplit, 9, (3, 6, 5)),
        (list(noise(0, (9, 3, 6, 5))), InMemorySplit, 9, (3, 6, 5)),
        (list(torch.rand(9, 4)), InMemorySplit, 9, (4,)),
        (torch.rand(5, 3, 4).tolist(), InMemorySplit, 5, (1, 3, 4)),
        ([[0.5, 1.0, 2.0], [0.0, 3.0, 1.0]], InMemorySplit, 2, (3,)),
        ([{"image": image} for image in IMAGES], InMemorySplit, 30, (1, 6, 5)),
        ([(image, name) for image, name in zip(IMAGES, NAMES, strict=True)], InMemorySplit, 30, (1, 6, 5)),
        ([(image[None], torch.tensor([3])) for image in IMAGES], InMemorySplit, 30, (1, 6, 5)),
        (np.array_split(IMAGES, 4), LoaderSplit, 30, (1, 6, 5)),
        ([IMAGES[:8, None], IMAGES[:8, None]], LoaderSplit, 16, (1, 6, 5)),
        ([IMAGES], LoaderSplit, 30, (1, 6, 5)),
        ([(IMAGES[:8], np.zeros(8)), (IMAGES[:8], np.zeros(8))], LoaderSplit, 16, (1, 6, 5)),
        (list(DataLoader(TensorDataset(torch.from_numpy(IMAGES), torch.arange(30)), 16)), LoaderSplit, 30, (1, 6, 5)),
    ],
)
def test_a_list_is_one_of_examples_or_of_batches(items, split, count, shape):
    data = load_data(items, **WHOLE)
    assert isinstance(data.train, split)
    assert (len(data.train), data.shape) == (count, shape)
    assert ("a list of batches" in data.protocol["preprocessing"]) == (split is LoaderSplit)


def hugging_face(**columns):
    return datasets.Dataset.from_dict(columns)


def test_a_data_set_of_hugging_face():
    images = [Image.fromarray(image) for image in IMAGES]
    features = datasets.Features(
        {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["cat", "dog", "eel"])}
    )
    source = datasets.Dataset.from_dict({"picture": images, "kind": [0, 1, 2] * 10}, features=features)
    data = load_data(datasets.DatasetDict({"train": source, "validation": source.select(range(6))}), test=0)
    assert data.protocol["sizes"] == {"train": 30, "validation": 6}
    assert np.allclose(data.train.first(30).x[:, 0] * 255, IMAGES)
    assert data.classes == ("cat", "dog", "eel")
    assert data.validation.first(3).y.tolist() == [0, 1, 2]
    plain = load_data(source, label="", **WHOLE)
    assert plain.classes is None
    assert plain.train.first(2).y is None


def test_plain_columns_of_hugging_face_are_a_table():
    data = load_data(hugging_face(size=[0.5, 1.5, 2.0] * 10, color=["a", "b", "a"] * 10, label=NAMES), **WHOLE)
    assert [column.name for column in data.columns] == ["size", "color"]
    assert data.classes == ("cat", "dog", "eel")
    with pytest.raises(ValueError, match="unknown column 'wrong'"):
        load_data(hugging_face(x=[[1.0]] * 3), label="wrong")


def test_lists_of_numbers_of_hugging_face_are_examples():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    data = load_data(hugging_face(embedding=rows.tolist(), topic=["sport"] * 30, label=NAMES), **WHOLE)
    assert np.allclose(data.train.first(30).x, rows)
    assert data.classes == ("cat", "dog", "eel")
    with pytest.raises(ValueError, match="a, b hold images or arrays: expected one; choose by"):
        load_data(hugging_face(a=rows.tolist(), b=rows.tolist()))


def test_a_sparse_matrix_is_rows():
    dense = np.where(np.random.default_rng(0).random((30, 7)) < 0.3, 2.5, 0)
    for form in (scipy.sparse.csr_matrix, scipy.sparse.coo_matrix, scipy.sparse.dok_matrix, scipy.sparse.csc_array):
        data = load_data((form(dense), NAMES), binarize="none", seed=1)
        same = load_data((dense, NAMES), seed=1)
        assert isinstance(data.train, BufferedSplit)
        assert data.protocol["sizes"] == same.protocol["sizes"]
        for name, split in data.splits.items():
            assert torch.equal(split.first(30).x, same.splits[name].first(30).x)
            assert torch.equal(split.first(30).y, same.splits[name].first(30).y)
    assert load_data(form(dense)).shape == (7,)
    bits = load_data(scipy.sparse.csr_matrix(dense > 0), **WHOLE)
    assert bits.binary


def test_splits_by_name_of_any_kind():
    parts = {
        "train": (IMAGES, NAMES),
        "val": list(zip(IMAGES[:6], NAMES, strict=False)),
        "test": DataLoader(TensorDataset(torch.from_numpy(IMAGES), torch.arange(30) % 3), batch_size=7),
    }
    data = load_data(parts)
    assert data.protocol["sizes"] == {"train": 30, "validation": 6, "test": 30}
    assert [split.first(3).y.tolist() for split in data.splits.values()] == [[0, 1, 2]] * 3
    with pytest.raises(ValueError, match="comes with its own validation split"):
        load_data(parts, validation=0.1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([*IMAGES, IMAGES[0][:, :4], *IMAGES], r"example 30 of x has shape \(6, 4\) and example 0 has \(6, 5\)"),
        ([(IMAGES[0], 1), (IMAGES[1],)], "item 1 of the list has no label, and others have"),
        ((IMAGES, [*NAMES[:-1], None]), "the label of example 29 of the source is missing"),
        ((IMAGES, np.array([*NAMES[:-1], 3], dtype=object)), "the labels of the source are of the types int, str"),
        ({"test": IMAGES}, "has the splits test and no train"),
        (
            {"train": IMAGES, "val": IMAGES, "valid": IMAGES},
            r"has its validation split more than once \(train, val, val",
        ),
        (
            {"train": (IMAGES, NAMES), "test": [(IMAGES[0], "fox")]},
            "label 'fox' of test is not a class of the training",
        ),
        ({"picture": IMAGES}, "the dict has the unknown key 'picture': expected x"),
        (scipy.sparse.csr_matrix((0, 3)), r"a sparse matrix of \(0, 3\)"),
        ({1, 2}, "cannot load data from a set: expected a data set's name, a path, an array"),
    ],
)
def test_what_is_refused_says_where(source, words):
    with pytest.raises(ValueError, match=words) as error:
        load_data(source, **dict.fromkeys(WHOLE))
    assert "\n" not in str(error.value)


def test_every_reader_of_objects_has_a_description():
    assert all(reader.description.startswith(("a ", "an ")) for reader in OBJECT_READERS.values())


def test_a_tuple_is_examples_and_labels_and_not_two_arrays_of_examples():
    with pytest.raises(ValueError, match=r"the second of x has shape \(4, 8, 8\): give \(x, y\) .* as one array"):
        load_data((np.zeros((4, 8, 8)), np.zeros((4, 8, 8))))
    assert load_data((np.zeros((40, 3)), np.ones((40, 2)))).train.first(1).y.tolist() == [[1, 1]]
