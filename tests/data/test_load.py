"""load_data: sources, shapes and kinds of values, labels, the record, and the files a source passes through."""

import importlib.util
import json

import numpy as np
import pandas
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from elbowroom.data import Data, InMemorySplit, LoaderSplit, load_data, load_like
from tests.data.sources import face_files, noise, write_archive
from tests.data.test_partition import KINDS, load_numbered


def test_loading_leaves_the_global_generator_alone():
    class Noise(torch.utils.data.Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, i):
            return torch.rand(3)

    before = torch.get_rng_state()
    for kind in KINDS:
        load_numbered(kind)
    load_data(Noise()).find_out_of_range(0, 1)
    data = load_data(DataLoader(Noise(), batch_size=4, shuffle=True))
    assert data.find_out_of_range(0, 1) is None
    load_data("digits", binarize="dynamic")
    assert torch.equal(before, torch.get_rng_state())


def test_the_protocol_loads_the_same_again():
    data = load_data("digits", validation=0.2, binarize="dynamic", seed=3)
    record = json.loads(json.dumps(data.protocol))
    again = load_data(record["source"], **record["arguments"])
    assert again.protocol == data.protocol
    assert load_data(again) is again
    assert load_data("digits", seed=4).protocol["fingerprint"] != load_data("digits").protocol["fingerprint"]
    assert load_numbered("loader").protocol["fingerprint"] is None


def test_first_outside():
    x = np.zeros((30, 2), dtype=np.float32)
    data = load_data(x, validation=x[:3], test=x[:4].copy())
    assert data.find_out_of_range(0, 1, integer=True) is None
    data.test.x[2, 1] = 0.5
    assert data.find_out_of_range(0, 1) is None
    assert data.find_out_of_range(0, 1, integer=True) == ("test", 2, 0.5)
    assert data.find_out_of_range(0.25, 1) == ("train", 0, 0.0)
    data.test.x[1, 0] = float("nan")
    assert data.find_out_of_range(-9, 9)[:2] == ("test", 1)
    digits = load_data("digits", binarize="dynamic")
    assert digits.find_out_of_range(0, 1, integer=True) is None
    assert load_data("digits").find_out_of_range(0, 1) is None
    assert load_data("digits").find_out_of_range(0, 1, integer=True)[0] == "train"
    stream = LoaderSplit([torch.tensor([[0.5], [2.0]]), torch.tensor([[3.0]])])
    by_hand = Data("mine", stream, None, None, stream.shape)
    assert by_hand.find_out_of_range(0, 1) == ("train", 1, 2.0)
    assert by_hand.find_out_of_range(0, 2) is None  # only the first batch is looked at


def test_a_value_outside_is_told_by_its_row_in_the_source():
    x = np.zeros((300, 2), dtype=np.float32)
    x[250, 1] = 3.0
    for seed in range(5):
        for source in (x, TensorDataset(torch.from_numpy(x))):
            data = load_data(source, seed=seed)
            if isinstance(source, np.ndarray):
                assert data.find_out_of_range(0, 1)[1:] == (250, 3.0)
                assert data.train.to("cpu").source_rows.equal(data.train.source_rows)
            parts = torch.cat([split.source_rows for split in data.splits.values()])
            assert sorted(parts.tolist()) == list(range(300))
    with pytest.raises(ValueError, match=r"row 250 of the source \(\w+ split\) has 3: rescale"):
        load_data(x, binarize="dynamic")


@pytest.mark.parametrize(("scale", "words"), [(1, "values 0 and 1 taken as bits"), (255, "pixels divided by 255")])
def test_the_record_says_how_whole_numbers_were_read(scale, words):
    bits = np.random.default_rng(0).integers(0, 2, (30, 4, 4))
    assert words in load_data(bits * scale).protocol["preprocessing"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((6, 5), (5,)),
        ((6, 5, 4), (1, 5, 4)),
        ((6, 5, 4, 3), (3, 5, 4)),
        ((6, 3, 5, 4), (3, 5, 4)),
        ((6, 1, 5, 1), (1, 5, 1)),
    ],
)
def test_the_shape_of_arrays(shape, expected):
    x = np.random.default_rng(0).random(shape)
    for source in (x, torch.from_numpy(x), TensorDataset(torch.from_numpy(x)), [torch.from_numpy(x)]):
        data = load_data(source, validation=0, test=0)
        assert data.shape == expected == tuple(data.train.first(1).x.shape[1:])
    channels_last = len(shape) == 4 and expected != shape[1:]
    want = np.moveaxis(x, -1, 1) if channels_last else x
    assert np.allclose(load_data(x, validation=0, test=0).train.x.numpy().ravel(), want.ravel())


@pytest.mark.parametrize(
    ("values", "dtype", "largest"),
    [
        (np.array([[[0, 1]]], dtype=bool), torch.uint8, 1.0),
        (np.array([[[0, 1]]]), torch.uint8, 1.0),
        (np.array([[[0, 200]]]), torch.uint8, 200 / 255),
        (np.array([[[0, 150, 300]]]), torch.float32, 1.0),
        (np.array([[[0, -1]]]), torch.float32, 0.0),
        (np.array([[0, 200]]), torch.float32, 200.0),
        (np.array([[0, 200]], dtype=np.uint8), torch.uint8, 200 / 255),
        (np.array([[0, 0.5]]), torch.float32, 0.5),
        (torch.tensor([[0, 0.5]], dtype=torch.bfloat16), torch.float32, 0.5),
    ],
)
def test_which_numbers_are_pixels(values, dtype, largest):
    data = load_data(values, validation=0, test=0)
    assert data.train.x.dtype == dtype
    assert float(data.train.first(1).x.max()) == pytest.approx(largest)
    assert data.discrete == (dtype == torch.uint8)


def test_labels():
    x = np.zeros((4, 2), dtype=np.float32)
    whole = {"validation": 0, "test": 0}
    named = load_data((x, ["b", "a", "b", "c"]), **whole)
    assert named.classes == ("a", "b", "c")
    assert named.train.y.tolist() == [1, 0, 1, 2]
    assert load_data((x, [[2], [0], [1], [1]]), **whole).train.y.tolist() == [2, 0, 1, 1]
    assert load_data((x, [2, 0, 1, 1]), **whole).classes == ("0", "1", "2")
    attributes = load_data((x, np.zeros((4, 3))), **whole)
    assert attributes.classes is None
    assert attributes.train.y.dtype == torch.float32
    assert load_data((x, None), **whole).train.y is None
    dataset = TensorDataset(torch.zeros(4, 2), torch.zeros(4))
    dataset.classes = ["cat", "dog"]
    assert load_data(DataLoader(torch.utils.data.Subset(dataset, [0, 1])), **whole).classes == ("cat", "dog")


def array_with_nan(*places):
    x = np.zeros((10, 3))
    x[list(places), 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (array_with_nan(4, 7), "x has NaN or infinite values in 2 of 10 examples, the first at index 4"),
        (np.full((3, 2), 1e300), "NaN or infinite values in 3 of 3"),
        (np.zeros((0, 3)), r"x is empty, with shape \(0, 3\)"),
        (np.zeros(5), r"x has shape \(5,\): expected \(N, D\)"),
        (np.zeros((1, 1, 1, 1, 1)), "expected .* reshape it"),
        (np.array([["a", "b"]]), "x holds <U1 values: expected numbers"),
        ((np.zeros((4, 2)), np.zeros(3)), r"y has shape \(3,\) for the 4 examples of x"),
        ((np.zeros((4, 2)), np.array([1j] * 4)), "y of x holds complex128 values"),
        ({"x": 1}, r"x of the dict has shape \(\): expected \(N, D\)"),
        ({"foo": np.zeros((3, 2))}, "the dict has the unknown key 'foo': expected x"),
        (3, "cannot load data from an int: expected a data set's name"),
        ("", "no data named: give a name"),
        ([], "the list of x is empty"),
        ([{"foo": 1, "bar": 2}], "item 0 of the list is a dict with the keys 'foo', 'bar': expected one of x, image"),
        ([(1, 2, 3)], r"item 0 of the list is a tuple of 3: expected x, \(x, y\) or a dict"),
        ([(torch.zeros(3, 2), torch.zeros(2))], "2 labels for a batch of 3 examples"),
        ([(torch.zeros(1, 2), ["cat"])], "the y of a batch is list: expected numbers"),
        ([torch.full((2, 2), float("nan"))], "the first batch has NaN or infinite values"),
        ([torch.zeros(4)], r"examples of shape \(\): expected"),
        (TensorDataset(torch.zeros(0, 2)), "TensorDataset is empty"),
    ],
)
def test_sources_that_cannot_be_used(source, words):
    with pytest.raises(ValueError, match=words) as error:
        load_data(source, validation=0, test=0)
    assert "\n" not in str(error.value)


def test_arrays_by_hand_are_checked():
    with pytest.raises(ValueError, match=r"x is torch\.float64: expected uint8 pixels"):
        InMemorySplit(torch.zeros(2, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="3 labels for 2 examples"):
        InMemorySplit(torch.zeros(2, 2), torch.zeros(3))


def test_a_table_for_a_model_of_arrays_is_refused():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"a table was given, .* give its values, as frame.to_numpy\(\)"):
        load_like(pandas.DataFrame(pixels), load_data(pixels).protocol)


def test_other_images_are_loaded_like_the_first(tmp_path):
    first = load_data(write_archive(tmp_path / "faces", face_files()), crop=8, resize=(6, 4), dequantize=True)
    write_archive(tmp_path / "others.zip", face_files(5, (30, 20, 3)))
    protocol = json.loads(json.dumps(first.protocol))
    others = load_like(tmp_path / "others.zip", protocol)
    assert others.shape == first.shape
    assert list(others.splits) == ["train"]
    assert "cropped at the centre to 8x8, resized to 6x4; dequantised" in others.protocol["preprocessing"]
    assert load_like(noise(0, (9, 6, 4)), protocol).shape == (3, 6, 4)  # gray ones are in color as the first
    assert load_like(tmp_path / "others.zip", protocol, resize=5, test=0.5).shape == (3, 5, 5)


@pytest.mark.parametrize("asked", [{}, {"validation": 0, "test": 0}])
def test_splits_that_nobody_dropped_are_named_where_one_is_read(tmp_path, recwarn, asked):
    np.savez(tmp_path / "own.npz", x_train=noise(0, (9, 8, 8)), x_test=noise(1, (4, 8, 8)))
    data = load_like(tmp_path / "own.npz", load_data("digits").protocol, **asked)
    assert len(data.train) == 9
    assert data.protocol["dropped"] == {"test": 4}
    said = [str(warning.message) for warning in recwarn if "splits of its own" in str(warning.message)]
    words = "own has splits of its own, of which train is read and test left out: give another split by itself"
    assert [line[: len(words)] for line in said] == ([] if asked else [words])


# the files that a source passes through


@pytest.fixture(scope="module")
def source_path(root):
    spec = importlib.util.spec_from_file_location("source_path", root / "tools" / "source_path.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def traces(source_path, tmp_path):
    return {kind: source_path.trace_load(source) for kind, source in source_path.write_sources(tmp_path).items()}


def test_a_source_passes_through_few_files(traces):
    chains = {kind: set(trace.senders) for kind, trace in traces.items()}
    ends = {"data/load.py", "data/partition.py", "data/checks.py"}
    ends |= {"data/encode_splits.py", "data/value_coding.py"}
    assert chains["array"] <= {*ends, "data/raw.py", "data/sources/registry.py", "data/sources/array.py"}
    readers = {f"data/readers/{name}.py" for name in ("registry", "image_folder", "image_decode")}
    assert chains["folder"] <= {*ends, *readers, "data/raw.py"}
    assert chains["csv"] <= {
        *ends,
        *(f"data/readers/{name}.py" for name in ("registry", "table", "column_inference")),
    }
    assert max(len(trace.received) for trace in traces.values()) <= 17


def test_a_step_or_a_reader_that_is_not_for_a_source_does_not_run(traces):
    optional = {"data/class_subset.py", "data/preprocess.py"}
    readers = {f"data/readers/{name}.py" for name in ("table", "numpy", "shards", "image_folder")}
    for kind, needed in (("array", set()), ("folder", {"image_folder"}), ("csv", {"table", "shards"})):
        ran = set(traces[kind].ran)
        assert not ran & optional
        assert ran & readers == {f"data/readers/{name}.py" for name in needed}
