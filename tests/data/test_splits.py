import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from elbowroom.data import Batch, Data, InMemorySplit, LoaderSplit, load_data
from elbowroom.data.splits.loader import DatasetSplit


def numbered(n=20, shape=(1, 2, 2)):
    """Pictures that each hold their own number, so that an example can be told wherever it went."""
    return torch.arange(n, dtype=torch.uint8).add(1).reshape(-1, *([1] * len(shape))).expand(n, *shape).contiguous()


def held(split):
    """The numbers of a split's examples."""
    return [int(v) for b in split.batches(7) for v in (b.x.flatten(1)[:, 0] * 255).round()]


def forms(n=20):
    x, y = numbered(n), torch.arange(n)
    items = TensorDataset(x, y)
    return {
        "arrays": InMemorySplit(x, y),
        "items": DatasetSplit(items),
        "dicts": DatasetSplit([{"image": a.numpy(), "label": int(b)} for a, b in zip(x, y, strict=True)]),
        "loader": LoaderSplit(DataLoader(items, batch_size=6)),
        "list": LoaderSplit([(x[:15], y[:15]), {"pixel_values": x[15:], "label": y[15:]}]),
        "bare": LoaderSplit([x[:9], (x[9:],)]),
    }


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("size", [1, 3, 20, 64])
def test_every_split_gives_every_example_once(form, size):
    split = forms()[form]
    batches = list(split.batches(size))
    assert len(split) == 20
    assert split.shape == (1, 2, 2)
    assert torch.cat([b.index for b in batches]).tolist() == list(range(20))
    assert torch.cat([b.x for b in batches]).mul(255).round()[:, 0, 0, 0].tolist() == list(range(1, 21))
    assert all(b.x.dtype == torch.float32 and b.index.dtype == torch.int64 for b in batches)
    if form != "bare":
        assert torch.cat([b.y for b in batches]).tolist() == list(range(20))
        assert batches[0].y.dtype == torch.int64


@pytest.mark.parametrize("form", forms())
def test_first_and_to(form):
    split = forms()[form].to("cpu")
    assert held(split) == list(range(1, 21))
    for n in (5, 17, 99):
        first = split.first(n)
        assert isinstance(first, Batch)
        assert first.index.tolist() == list(range(min(n, 20)))
        assert len(first.x) == min(n, 20)


@given(n=st.integers(1, 30), size=st.integers(1, 40), seed=st.integers(0, 99))
def test_an_order_is_followed(n, size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: max(1, n // 2)]
    for split in (InMemorySplit(numbered(n)), DatasetSplit(TensorDataset(numbered(n)))):
        batches = list(split.batches(size, order))
        assert torch.equal(torch.cat([b.index for b in batches]), order)
        assert all(len(b.x) == size for b in batches[:-1])
        assert all(torch.equal((b.x[:, 0, 0, 0] * 255).round().long(), b.index + 1) for b in batches)


def test_pixels_stay_bytes_in_memory():
    split = load_data(np.arange(256, dtype=np.uint8).reshape(16, 4, 4), validation=0, test=0).train
    assert split.x.dtype == torch.uint8
    assert torch.equal(split.first(16).x.flatten(), torch.arange(256) / 255)


def test_a_random_item_is_drawn_anew_every_epoch():
    class Noise(torch.utils.data.Dataset):
        def __len__(self):
            return 30

        def __getitem__(self, i):
            return torch.rand(3)

    split = load_data(Noise()).train
    assert not torch.equal(next(split.batches(5)).x, next(split.batches(5)).x)


def test_a_loader_goes_its_own_way():
    loader = LoaderSplit([numbered(4), numbered(2)])
    assert [len(b.x) for b in loader.batches(1, torch.randperm(6))] == [4, 2]
    with pytest.raises(ValueError, match="an order of 3 positions for a loader of 6 examples"):
        list(loader.batches(1, torch.arange(3)))
    with pytest.raises(ValueError, match="batch size of 0: expected at least 1"):
        list(InMemorySplit(numbered()).batches(0))


# the carving


def carved(kind, **options):
    x, y = numbered(200 if kind != "tuple" else 100), torch.arange(200 if kind != "tuple" else 100)
    source = {
        "array": lambda: x.numpy(),
        "tuple": lambda: (x, y),
        "dataset": lambda: TensorDataset(x, y),
        "loader": lambda: DataLoader(TensorDataset(x, y), batch_size=16),
    }[kind]()
    return load_data(source, **options)


KINDS = ("array", "tuple", "dataset", "loader")


@pytest.mark.parametrize("kind", KINDS)
def test_splits_are_disjoint_and_leave_nothing_out(kind):
    data = carved(kind)
    parts = [held(split) for split in data.splits.values()]
    n = sum(map(len, parts))
    assert sorted(number for part in parts for number in part) == list(range(1, n + 1))
    assert [len(p) for p in parts] == [n * 8 // 10, n // 10, n // 10]
    assert data.protocol["sizes"] == {"train": n * 8 // 10, "validation": n // 10, "test": n // 10}


def test_loading_leaves_the_global_generator_alone():
    class Noise(torch.utils.data.Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, i):
            return torch.rand(3)

    before = torch.get_rng_state()
    for kind in KINDS:
        carved(kind)
    load_data(Noise()).find_out_of_range(0, 1)
    data = load_data(DataLoader(Noise(), batch_size=4, shuffle=True))
    assert data.find_out_of_range(0, 1) is None
    load_data("digits", binarize="dynamic")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_the_splits(kind):
    one, again, other = carved(kind), carved(kind), carved(kind, seed=1)
    for name in ("train", "validation", "test"):
        assert held(one.splits[name]) == held(again.splits[name])
        assert held(one.splits[name]) != held(other.splits[name])
    assert one.protocol == again.protocol


@pytest.mark.parametrize("kind", KINDS)
def test_counts_fractions_and_none(kind):
    assert [len(s) for s in carved(kind, validation=7, test=0).splits.values()][1:] == [7]
    assert len(carved(kind, validation=0, test=0.25).test) in (25, 50)
    assert list(carved(kind, validation=0, test=0).splits) == ["train"]


def test_splits_of_ones_own():
    x = numbered(40)
    data = load_data(x[:30], validation=x[30:36], test=x[36:])
    assert [held(s) for s in data.splits.values()] == [list(range(1, 31)), list(range(31, 37)), list(range(37, 41))]
    assert data.protocol["arguments"]["validation"] == "given"
    digits = load_data("digits", validation=numbered(5, (1, 8, 8)))
    assert digits.protocol["source"] is None  # its name alone would not load the same again
    assert load_data("digits", validation=5).protocol["source"] == "digits"
    data = load_data(DataLoader(TensorDataset(x), batch_size=8), validation=DataLoader(TensorDataset(x[:9])))
    assert (len(data.train), len(data.validation), data.test) == (40, 9, None)
    with pytest.raises(ValueError, match=r"examples of validation= have shape \(1, 3, 3\) and those of train"):
        load_data(x, validation=numbered(5, (1, 3, 3)))


def test_a_loader_with_workers():
    loader = DataLoader(TensorDataset(numbered(40)), batch_size=8, num_workers=1)
    data = load_data(loader, validation=8, test=0)
    assert sorted(held(data.train) + held(data.validation)) == list(range(1, 41))


def test_a_divided_loader_keeps_its_settings():
    loader = DataLoader(TensorDataset(numbered(100)), batch_size=16, shuffle=True, drop_last=True)
    data = load_data(loader, validation=10, test=0)
    assert isinstance(data.train, LoaderSplit)
    assert [len(b.x) for b in data.train.batches(1)] == [16] * 5
    assert len(data.train) == 80
    assert len(data.validation) == 10  # whole and in one order, whatever training does
    assert held(data.validation) == held(data.validation)
    assert held(data.train) != held(data.train)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(numbered(10))


def test_a_stream_is_not_divided():
    loader = DataLoader(Stream(), batch_size=4)
    data = load_data(loader, validation=0)
    assert list(data.splits) == ["train"]
    assert data.protocol["sizes"] == {"train": None}
    assert len(data.train) == 10
    with pytest.raises(ValueError, match="give the validation examples as validation=, or validation=0"):
        load_data(loader)
    with pytest.raises(ValueError, match="give the validation examples as validation="):
        load_data([numbered(4)])
    with pytest.raises(ValueError, match="wrap it as DataLoader"):
        load_data(Stream())
    with pytest.raises(ValueError, match="can be read only once"):
        load_data(iter([numbered(4)]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation": 8, "test": 2}, "leave nothing to train on, of 10"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on, of 10"),
        ({"validation": 1.0}, r"validation=1.0: expected a fraction from 0 to below 1"),
        ({"test": -3}, r"test=-3: expected a fraction"),
        ({"binarise": "dinamic"}, "unknown binarise 'dinamic': did you mean 'dynamic'"),
        ({"resize": 28}, "resize=28 is for pictures in files"),
        ({"resize": 0}, "resize=0: expected a number of pixels"),
        ({"resize": ()}, r"resize=\(\): expected a number of pixels"),
        ({"resize": (8, "8")}, "resize=.*: expected a number of pixels"),
        ({"seed": "1"}, "seed='1': expected a whole number from 0"),
        ({"seed": -1}, "seed=-1: expected a whole number from 0"),
    ],
)
def test_impossible_wishes(options, words):
    with pytest.raises(ValueError, match=words):
        load_data(numbered(10), **options)


def test_too_few_to_divide():
    with pytest.raises(ValueError, match="1 validation and 1 test examples leave nothing to train on, of 2"):
        load_data(numbered(2))


# binarising


def test_dynamic_binarisation_draws_train_anew_and_the_others_once():
    grey = torch.full((60, 8, 8), 128, dtype=torch.uint8)
    data = load_data(grey, binarize="dynamic")
    assert data.binary
    assert data.discrete
    for name, split in data.splits.items():
        one, two = split.first(5).x, split.first(5).x
        assert set(one.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(one, two) == (name != "train")
        assert 0.35 < float(one.mean()) < 0.65
        assert split.x.dtype == torch.uint8
    assert data.protocol["seed"] == 0
    assert "drawn as Bernoulli: anew" in data.protocol["preprocessing"]
    again, other = load_data(grey, binarize="dynamic"), load_data(grey, binarize="dynamic", seed=1)
    assert torch.equal(again.test.x, data.test.x)
    assert not torch.equal(other.test.x, data.test.x)


def test_the_size_of_validation_does_not_change_the_draw_of_test():
    grey = torch.full((20, 4, 4), 128, dtype=torch.uint8)
    small, large = (load_data(grey, test=grey, validation=v, binarize="dynamic") for v in (2, 8))
    assert torch.equal(small.test.x, large.test.x)


def test_threshold():
    x = np.array([[0.0, 0.5, 0.51, 1.0]], dtype=np.float32)
    data = load_data(np.repeat(x, 10, 0), binarize="threshold")
    assert data.test.first(1).x.tolist() == [[0, 0, 1, 1]]
    assert data.binary
    pixels = np.tile(np.array([[[0, 127, 128, 255]]], dtype=np.uint8), (10, 1, 1))
    assert load_data(pixels, binarize="threshold").train.first(1).x.flatten().tolist() == [0, 0, 1, 1]


def test_only_probabilities_can_be_binarised():
    x = np.zeros((10, 4), dtype=np.float32)
    x[3, 1] = 7
    with pytest.raises(
        ValueError, match=r"needs values in \[0, 1\], and row 3 of the source \(train split\) has 7: rescale"
    ):
        load_data(x, binarize="dynamic", validation=0, test=0)
    with pytest.raises(ValueError, match="needs arrays, and test is a stream"):
        load_data(TensorDataset(numbered()), binarize="dynamic")


# the record


def test_the_protocol_loads_the_same_again():
    data = load_data("digits", validation=0.2, binarize="dynamic", seed=3)
    record = json.loads(json.dumps(data.protocol))
    again = load_data(record["source"], **record["arguments"])
    assert again.protocol == data.protocol
    assert load_data(again) is again
    assert load_data("digits", seed=4).protocol["fingerprint"] != load_data("digits").protocol["fingerprint"]
    assert carved("loader").protocol["fingerprint"] is None


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
                assert data.train.to("cpu").origin.equal(data.train.origin)
            parts = torch.cat([split.origin for split in data.splits.values()])
            assert sorted(parts.tolist()) == list(range(300))
    with pytest.raises(ValueError, match=r"row 250 of the source \(\w+ split\) has 3: rescale"):
        load_data(x, binarize="dynamic")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((6, 5), (5,)),
        ((6, 5, 4), (1, 5, 4)),
        ((6, 5, 4, 3), (3, 5, 4)),
        ((6, 3, 5, 4), (3, 5, 4)),
        ((6, 1, 5, 1), (1, 5, 1)),
        ((6, 7, 5, 2), (7, 5, 2)),
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
        (np.array([[[0, 300]]]), torch.float32, 300.0),
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


def nan_at(*places):
    x = np.zeros((10, 3))
    x[list(places), 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (nan_at(4, 7), "x has NaN or infinite values in 2 of 10 examples, the first at index 4"),
        (np.full((3, 2), 1e300), "NaN or infinite values in 3 of 3"),
        (np.zeros((0, 3)), r"x is empty, with shape \(0, 3\)"),
        (np.zeros(5), r"x has shape \(5,\): expected \(N, D\)"),
        (np.zeros((1, 1, 1, 1, 1)), "expected .* reshape it"),
        (np.array([["a", "b"]]), "x holds <U1 values: expected numbers"),
        ((np.zeros((4, 2)), np.zeros(3)), r"y has shape \(3,\) for the 4 examples of x"),
        ((np.zeros((4, 2)), np.array([1j] * 4)), "y of x holds complex128 values"),
        ({"x": 1}, "cannot load data from a dict: expected a data set's name"),
        (3, "cannot load data from a int"),
        ("", "no data named: give a name"),
        ([], "the loader gives no batches"),
        ([{"foo": 1, "bar": 2}], "a batch is a dict with the keys 'foo', 'bar': expected one of x, image"),
        ([(1, 2, 3)], r"a batch is a tuple of 3: expected x, \(x, y\) or a dict"),
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


def test_items_of_different_shapes():
    class Ragged(torch.utils.data.Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, i):
            return torch.zeros(1, 4, 4 + (i == 5))

    with pytest.raises(ValueError, match=r"item 5 of the data set has shape \(1, 4, 5\) and item 0 has \(1, 4, 4\)"):
        list(load_data(Ragged(), validation=0, test=0).train.batches(9))


def test_arrays_by_hand_are_checked():
    with pytest.raises(ValueError, match=r"x is torch\.float64: expected uint8 pixels"):
        InMemorySplit(torch.zeros(2, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="3 labels for 2 examples"):
        InMemorySplit(torch.zeros(2, 2), torch.zeros(3))
