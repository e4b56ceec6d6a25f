"""Arrays in .npy and .npz files, and in folders of .npy files."""

import numpy as np
import pytest
import torch

from elbowroom.data import BufferedSplit, InMemorySplit, load_data
from elbowroom.data.readers import numpy
from tests.data.sources import WHOLE, all_equal, cyclic_labels, random_images


def test_npy(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 5), dtype=np.uint8)
    np.save(tmp_path / "mine.npy", x)
    data = load_data(tmp_path / "mine.npy", **WHOLE)
    assert np.array_equal(data.train.x.squeeze(1).numpy(), x)
    assert (data.name, data.shape, data.discrete) == ("mine", (1, 6, 5), True)
    assert data.protocol["source"] == str(tmp_path / "mine.npy")
    again = load_data(data.protocol["source"], **data.protocol["arguments"])
    assert again.protocol == data.protocol


def test_npz_with_splits(tmp_path):
    x = np.random.default_rng(0).random((20, 6))
    np.savez(tmp_path / "a.npz", x_train=x[:10], y_train=list("aabbaabbaa"), x_test=x[10:14], y_test=list("cabc"))
    data = load_data(str(tmp_path / "a.npz"))
    assert [len(s) for s in data.splits.values()] == [9, 1, 4]
    assert data.classes == ("a", "b", "c")
    assert data.test.y.tolist() == [2, 0, 1, 2]
    np.savez(tmp_path / "b.npz", x=x, y=np.arange(20) % 2, x_val=x[:3], y_val=[0, 1, 1])
    data = load_data(tmp_path / "b.npz")
    assert [len(s) for s in data.splits.values()] == [20, 3]


def damaged_arrays(folder):
    """Files of arrays that cannot be used, by the words of the error."""
    x = np.zeros((4, 3))

    def npz(name, **arrays):
        np.savez(folder / name, **arrays)

    np.save(folder / "objects.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    yield "objects.npy", "objects.npy holds Python objects, which are never unpickled"
    npz("objects.npz", x=np.array([{}, None], dtype=object))
    yield "objects.npz", "objects.npz holds Python objects"
    (folder / "text.npy").write_text("hello")
    yield "text.npy", "text.npy is not a whole .npy file .* fetch it again"
    (folder / "empty.npy").write_bytes(b"")
    yield "empty.npy", "empty.npy is not a whole .npy file"
    np.save(folder / "cut.npy", np.zeros((40, 30)))
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:200])
    yield "cut.npy", "cut.npy is not a whole .npy file"
    npz("cut.npz", x=x)
    (folder / "cut.npz").write_bytes((folder / "cut.npz").read_bytes()[:-30])
    yield "cut.npz", "cut.npz is not a whole .npz file .*zip"
    np.save(folder / "none.npy", np.zeros((0, 3)))
    yield "none.npy", r"none.npy is empty, with shape \(0, 3\)"
    np.save(folder / "nan.npy", np.full((4, 3), np.nan))
    yield "nan.npy", "nan.npy has NaN or infinite values in 4 of 4 examples, the first at index 0"
    npz("keys.npz", x=x, z=x)
    yield "keys.npz", r"holds the arrays x, z, and 'z' is no word for examples or labels: rename .* to x and y"
    npz("two.npz", images=x, data=x)
    yield "two.npz", r"holds the arrays images, data, of which two are x: keep one"
    npz("test.npz", x_test=x)
    yield "test.npz", "no array x or x_train"
    npz("labels.npz", x=x, y_test=[1])
    yield "labels.npz", "has y_test but no x_test"
    npz("twice.npz", x=x, x_train=x)
    yield "twice.npz", "more than one array for its train split"
    npz("shapes.npz", x_train=np.zeros((9, 8, 8)), x_test=np.zeros((3, 4, 8)))
    yield "shapes.npz", r"the examples of test in .*shapes.npz have shape \(1, 4, 8\) and those of train \(1, 8, 8\)"
    npz("widths.npz", x=np.zeros((9, 5)), x_val=np.zeros((3, 4)))
    yield "widths.npz", r"the examples of validation in .*widths.npz have shape \(4,\) and those of train \(5,\)"
    npz("length.npz", x=x, y=[1, 2])
    yield "length.npz", r"y has shape \(2,\) for the 4 examples of x of length.npz"
    (folder / "table.xls").write_text("1,2")
    yield "table.xls", "a .csv, .tsv or .parquet table, a .tar of images, shards of .tar or .parquet, .*a .npy array"
    (folder / "bad.zip").write_bytes(b"PK nothing")
    yield "bad.zip", "bad.zip is not a whole .zip file"


def test_files_of_arrays_that_cannot_be_used(tmp_path):
    for name, words in damaged_arrays(tmp_path):
        with pytest.raises(ValueError, match=words) as error:
            load_data(tmp_path / name)
        assert "\n" not in str(error.value)
        assert str(tmp_path / name) in str(error.value) or name in str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        {"x": "x", "y": "y"},
        {"x": "X", "y": "labels"},
        {"x": "images", "y": "target"},
        {"x": "train_images", "y": "train_labels", "x_test": "test_images", "y_test": "test_labels"},
        {"x": "x_train", "y": "Y_train", "x_test": "x_val", "y_test": "y_val"},
        {"x": "faces"},
        {"x": "arr_0"},
    ],
    ids=lambda names: " ".join(names.values()),
)
def test_arrays_are_known_by_the_words_that_people_use(tmp_path, names):
    x, y = random_images(), cyclic_labels()
    values = {"x": x, "y": y, "x_test": x[:7], "y_test": y[:7]}
    np.savez(tmp_path / "a.npz", **{word: values[part] for part, word in names.items()})
    data = load_data(tmp_path / "a.npz")
    assert (data.train.y is not None) == ("y" in names)
    held_out = data.validation if "x_val" in names.values() else data.test
    if "x_test" in names:
        assert torch.equal(held_out.y, torch.as_tensor(y[:7], dtype=torch.int64))
    else:
        assert sum(data.protocol["sizes"].values()) == len(x)


def test_a_folder_of_arrays_is_an_unpacked_npz(tmp_path, monkeypatch):
    x, y = random_images(), np.array(["cat", "dog", "cow"])[cyclic_labels() % 3]
    arrays = {"x_train": x[:60], "y_train": y[:60], "x_test": x[60:], "y_test": y[60:]}
    np.savez(tmp_path / "all.npz", **arrays)
    folder = tmp_path / "all"
    folder.mkdir()
    for key, values in arrays.items():
        np.save(folder / f"{key}.npy", values)
    packed, memory, mapped = load_data(tmp_path / "all.npz"), load_data(folder), load_data(folder, buffer=20)
    assert isinstance(memory.train, InMemorySplit)
    assert isinstance(mapped.train, BufferedSplit)
    assert packed.classes == memory.classes == mapped.classes == ("cat", "cow", "dog")
    assert packed.protocol["fingerprint"] == memory.protocol["fingerprint"]
    assert all(all_equal(*(d.splits[name].first(9)[:2] for d in (packed, memory))) for name in packed.splits)
    assert all_equal(packed.test.first(30), mapped.test.first(30))
    monkeypatch.setattr(numpy, "available_memory", lambda: 2000)
    with pytest.raises(ValueError, match=r"all.npz unpacks to .* GB, more than the memory that is free: unzip it"):
        load_data(tmp_path / "all.npz")


def test_a_large_file_is_known_again_in_memory_and_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(numpy, "PARTIAL_HASH_BYTES", 1000)
    np.save(tmp_path / "mine.npy", random_images())
    memory, mapped = load_data(tmp_path / "mine.npy"), load_data(tmp_path / "mine.npy", buffer=40)
    assert isinstance(memory.train, InMemorySplit)
    assert memory.protocol["fingerprint"] == mapped.protocol["fingerprint"]
    assert memory.protocol["division"] == mapped.protocol["division"]
    another = load_data(tmp_path / "mine.npy", seed=1).protocol
    assert another["fingerprint"] == memory.protocol["fingerprint"], "runs know their data again by it"
    assert another["division"] != memory.protocol["division"]
    assert load_data(tmp_path / "mine.npy", validation=3).protocol["fingerprint"] != memory.protocol["fingerprint"]
    drawn = [load_data(tmp_path / "mine.npy", binarize="dynamic", buffer=b).protocol["fingerprint"] for b in (None, 40)]
    assert drawn[0] != drawn[1]  # in memory validation is drawn in turn, mapped by row
