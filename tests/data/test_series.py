"""Series: files of several forms give the same examples; windows, lengths, gaps, scaling, and the splits of windows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data import load_like
from elbowroom.data.series_scaling import recorded_scaling
from elbowroom.evaluation import check_compatible
from elbowroom.masked_shape import MaskedShape

NONE = {"validation": 0, "test": 0}
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(12, 2, 6)).round(3)


def write_ts(path: Path, lengths: list[int] | None = None) -> Path:
    lines = ["@problemName waves", "@classLabel true low high", "@data"]
    for row, x in enumerate(VALUES):
        n = lengths[row] if lengths else x.shape[1]
        channels = (",".join(map(str, channel[:n])) for channel in x)
        lines.append(":".join([*channels, ("low", "high")[row % 2]]))
    path.write_text("\n".join(lines))
    return path


def write_long(path: Path, order: np.ndarray | None = None) -> Path:
    rows = [
        f"{row},{t},{VALUES[row, 0, t]},{VALUES[row, 1, t]},{('low', 'high')[row % 2]}"
        for row in range(len(VALUES))
        for t in range(VALUES.shape[2])
    ]
    rows = rows if order is None else [rows[i] for i in order]
    path.write_text("\n".join(["id,time,a,b,label", *rows]))
    return path


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, dict[str, object]]:
    np.savez(tmp_path / "long.npz", x=VALUES.swapaxes(1, 2), y=[("low", "high")[i % 2] for i in range(12)])
    np.savez(tmp_path / "wide.npz", x=VALUES, y=[("low", "high")[i % 2] for i in range(12)])
    return {
        "ts": {"source": write_ts(tmp_path / "a.ts")},
        "long csv": {"source": write_long(tmp_path / "a.csv"), "series": "long"},
        "long npz": {"source": tmp_path / "long.npz", "series": "long"},
        "wide npz": {"source": tmp_path / "wide.npz", "series": "wide"},
    }


def test_files_of_several_forms_are_the_same_examples(sources):
    loaded = {name: er.load_data(**arguments, **NONE, scaling="none") for name, arguments in sources.items()}
    for data in loaded.values():
        assert torch.equal(data.train.x, torch.tensor(VALUES, dtype=torch.float32))
        assert [data.classes[i] for i in data.train.y[:2]] == ["low", "high"]
        assert not isinstance(data.shape, MaskedShape)
    assert loaded["long csv"].protocol["series"]["channels"] == ["a", "b"]


def test_wide_csv_has_a_series_to_a_row(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("name,s1,s2,s3,kind\np,1,2,3,x\nq,4,5,,y\n")
    data = er.load_data(path, series="wide", columns="name=id", label="kind", **NONE, scaling="none")
    assert data.shape == (1, 3)
    assert data.names("train") == ["p", "q"]
    assert data.train.x[1, 0, :2].tolist() == [4, 5]
    assert math.isnan(data.train.x[1, 0, 2])
    assert isinstance(data.shape, MaskedShape)


def test_shorter_series_are_padded_and_irregular_times_leave_gaps(tmp_path):
    data = er.load_data(write_ts(tmp_path / "a.ts", [3, *[6] * 11]), **NONE)
    assert data.train.x[0].isnan().all(0).tolist() == [False] * 3 + [True] * 3
    path = tmp_path / "gaps.csv"
    path.write_text("id,time,v\na,0,1\na,3,2\nb,1,5\nb,2,6\nb,2.1,8\n")
    x = er.load_data(path, series="long", interval=1, **NONE, scaling="none").train.x[:, 0]
    assert x.nan_to_num(-1).tolist() == [[1, -1, -1, 2], [5, 7, -1, -1]]


def test_windows_are_cut_at_the_stride_from_one_long_series(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(40.0)[:, None])
    data = er.load_data(tmp_path / "one.npy", window=10, stride=5, **NONE, scaling="none")
    assert data.train.x[:, 0, 0].tolist() == [0, 5, 10, 15, 20, 25, 30]
    assert data.names("train")[1] == "0@5"


def test_windows_of_different_splits_share_no_step(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(400.0)[:, None])
    for seed in range(8):
        data = er.load_data(tmp_path / "one.npy", window=12, stride=2, seed=seed, scaling="none")
        steps = [set(split.x.flatten().tolist()) for split in data.splits.values()]
        assert len(steps) == 3
        assert all(not a & b for i, a in enumerate(steps) for b in steps[:i])


def test_channels_are_selected_by_name_and_number(sources):
    for selected in ("b", "1", ["b"]):
        data = er.load_data(**sources["long csv"], select_channels=selected, **NONE, scaling="none")
        assert torch.equal(data.train.x[:, 0], torch.tensor(VALUES[:, 1], dtype=torch.float32))


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_scaling_is_of_the_training_split_and_is_recorded(sources, kind):
    data = er.load_data(**sources["ts"], scaling=kind)
    x = data.train.x.movedim(1, 0).flatten(1).double()
    low, high = (x.mean(1), x.std(1, correction=0)) if kind == "standard" else (x.amin(1), x.amax(1))
    torch.testing.assert_close(low, torch.zeros(2).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(high, torch.ones(2).double(), atol=1e-6, rtol=0)
    rows = data.train.source_rows
    restored = recorded_scaling(data.protocol).restore(data.train.x)
    torch.testing.assert_close(restored, torch.tensor(VALUES, dtype=torch.float32)[rows], atol=1e-5, rtol=0)


def test_other_series_are_cut_and_scaled_as_the_recorded_ones(sources, tmp_path):
    data = er.load_data(**sources["ts"])
    shorter = load_like(write_ts(tmp_path / "b.ts", [4] * 12), data.protocol)
    assert shorter.shape == data.shape
    expected = recorded_scaling(data.protocol).apply(torch.tensor(VALUES[:, :, :4], dtype=torch.float32))
    torch.testing.assert_close(shorter.train.x[..., :4], expected)


def test_train_file_of_an_archive_brings_its_test_file(tmp_path):
    write_ts(tmp_path / "W_TRAIN.ts")
    write_ts(tmp_path / "W_TEST.ts", [4] * 12)
    data = er.load_data(tmp_path / "W_TRAIN.ts", validation=2)
    assert data.protocol["sizes"] == {"train": 10, "validation": 2, "test": 12}
    assert "test from W_TEST.ts" in data.protocol["preprocessing"]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("time,a\n0,1\n1,2\n", {}, "one long series: give window="),
        ("id,a\n0,one\n1,2\n", {}, "a channel of a series holds numbers"),
        ("id,time,a\n0,now,1\n1,2,3\n", {}, "times of"),
        ("id,a\n0,1\n1,2\n", {"columns": "x=id"}, "there is no column 'x'"),
        ("id,a\n0,1\n1,2\n", {"columns": "a=number"}, "expected one of id, time, label"),
        ("id,a\n0,1\n1,2\n", {"select_channels": "c"}, "channel 'c'"),
        ("id,a\n0,1\n0,2\n1,2\n", {"window": 9}, "longer than all series"),
        ("id,time,a\n0,0,1\n0,9e9,1\n0,1,1\n1,0,2\n", {}, "give a larger interval"),
        ("id,a\n0,\n0,\n1,\n", {"window": 2}, "have no values, only gaps"),
        ("id,a\n0,1\n1,2\n", {"scaling": "log"}, "expected standard, minmax, none"),
        ("id,a\n0,1,2\n1,2\n", {}, "expected 2"),
    ],
)
def test_errors_say_what_to_do(tmp_path, text, options, words):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        er.load_data(path, series="long", **options, **NONE)


def test_arrays_that_are_no_series_are_refused_as_such(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros((9, 2)), b=np.zeros((9, 2)))
    with pytest.raises(ValueError, match=r"^\S+two.npz holds the arrays a, b.*rename what is to be read"):
        er.load_data(tmp_path / "two.npz", series="wide")
    with pytest.raises(ValueError, match="gaps of series are read from a file by --series or --window"):
        er.load_data(np.full((9, 2), math.nan))


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        ("vae", {"likelihood": "bernoulli"}, "use --likelihood gaussian.*--scaling minmax"),
        ("dfc_vae", {"widths": (2, 2)}, "its features need all values, and these examples have gaps"),
    ],
)
def test_recipes_refuse_series_that_do_not_suit_them(tmp_path, recipe, options, words):
    x = np.random.default_rng(0).normal(size=(40, 8))
    x[3, 5] = np.nan
    np.save(tmp_path / "x.npy", x)
    data = er.load_data(tmp_path / "x.npy", series="wide", **NONE)
    with pytest.raises(ValueError, match=words):
        check_compatible(getattr(er.recipes, recipe)(data.shape, latent=1, **options)[0], data)


def test_ts_with_times_and_missing_values(tmp_path):
    path = tmp_path / "t.ts"
    path.write_text("@timeStamps true\n@data\n(0,1),(2,3):(1,7)\n(0,4),(1,?),(2,6):(0,8),(1,9),(2,1)\n")
    x = er.load_data(path, **NONE, scaling="none").train.x
    assert x[0].nan_to_num(-1).tolist() == [[1, -1, 3], [-1, 7, -1]]
    path.write_text("@data\n1,2,x\n")
    with pytest.raises(ValueError, match=r"line 2 of .*'x' where a number is expected"):
        er.load_data(path)
