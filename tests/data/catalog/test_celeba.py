"""CelebA as its owners lay it out, whole or in part."""

import numpy as np
import pytest
import torch

from elbowroom.data import load_data
from elbowroom.data.catalog import celeba
from elbowroom.data.catalog.registry import CATALOG
from tests.data.sources import WHOLE, encode, write_archive

ATTRIBUTES = ("Bald", "Male", "Smiling")


OFFICIAL = {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 1, 8: 2, 9: 2}


def celeba_files(shape=(218, 178)):
    """Texts and images as CelebA's owners lay them out."""
    rows = [[(1, -1)[(i >> bit) % 2] for bit in range(3)] for i in OFFICIAL]
    lines = [str(len(rows)), " ".join(ATTRIBUTES) + " "]
    lines += [f"{i:06}.jpg " + " ".join(f"{v:2}" for v in row) for i, row in zip(OFFICIAL, rows, strict=True)]
    images = {}
    for i in OFFICIAL:
        pixels = np.full((*shape, 3), 20 * i, np.uint8)
        pixels[: shape[0] // 7] = 255  # above the square
        images[f"{i:06}.jpg"] = encode(pixels, "JPEG", quality=100)
    texts = {
        "list_attr_celeba.txt": "\n".join(lines).encode(),
        "list_eval_partition.txt": "\n".join(f"{i:06}.jpg {split}" for i, split in OFFICIAL.items()).encode(),
    }
    return texts, images, np.array(rows) > 0


def write_celeba(folder, how, texts, images):
    if how == "zip":
        inside = {f"celeba/img_align_celeba/{name}": content for name, content in images.items()}
        write_archive(folder / "some.zip", inside | {f"celeba/{name}": content for name, content in texts.items()})
    elif how == "official":
        write_archive(
            folder / "img_align_celeba.zip", {f"img_align_celeba/{n}": content for n, content in images.items()}
        )
        write_archive(folder / "Anno", {"list_attr_celeba.txt": texts["list_attr_celeba.txt"]})
        write_archive(folder / "Eval", {"list_eval_partition.txt": texts["list_eval_partition.txt"]})
    else:
        write_archive(folder / "img_align_celeba", images)
        write_archive(folder, texts)


@pytest.fixture
def celeba_folder(tmp_path, monkeypatch):
    (tmp_path / "data" / "CelebA").mkdir(parents=True)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "CelebA"


@pytest.mark.parametrize("how", ["zip", "official", "folder"])
@pytest.mark.parametrize("shape", [(218, 178), (109, 89)])
def test_celeba(celeba_folder, how, shape):
    texts, images, rows = celeba_files(shape)
    write_celeba(celeba_folder, how, texts, images)
    data = load_data("celeba")
    assert CATALOG["celeba"].location.startswith(str(celeba_folder))
    assert data.shape == (3, 64, 64)
    assert data.protocol["sizes"] == {"train": 6, "validation": 1, "test": 2}
    side = {178: 148, 89: 74}[shape[1]]
    assert f"cropped at the centre to {side}x{side}, resized to 64x64" in data.protocol["preprocessing"]
    assert data.attributes == ATTRIBUTES
    assert torch.equal(torch.cat([split.y for split in data.splits.values()]), torch.from_numpy(rows).float())
    means = torch.cat([split.x.float().mean((1, 2, 3)) for split in data.splits.values()])
    assert torch.allclose(means, torch.arange(20.0, 200, 20), atol=2)  # nothing of what is above the square
    assert load_data("celeba", **data.protocol["arguments"]).protocol == data.protocol


def test_attributes_of_celeba(celeba_folder):
    texts, images, rows = celeba_files()
    write_celeba(celeba_folder, "zip", texts, images)
    one = load_data("celeba", label="Smiling", resize=(8, 6), crop=100)
    assert one.shape == (3, 8, 6)
    assert one.classes == ("not Smiling", "Smiling")
    assert one.attributes is None
    assert torch.cat([s.y for s in one.splits.values()]).tolist() == rows[:, 2].astype(int).tolist()
    assert len(load_data("celeba", label="Smiling", only="Smiling", **WHOLE).train) == rows[:6, 2].sum()
    two = load_data("celeba", label="Smiling, Bald", **WHOLE)
    assert two.attributes == ("Smiling", "Bald")
    assert torch.equal(two.train.y, torch.from_numpy(rows[:6, [2, 0]]).float())
    with pytest.raises(ValueError, match="unknown attribute of celeba 'Smilling': did you mean 'Smiling'"):
        load_data("celeba", label="Smilling")
    with pytest.raises(ValueError, match="columns=a=drop is for tables, and celeba is none of them"):
        load_data("celeba", columns="a=drop")


def test_celeba_without_some_of_its_files(celeba_folder, monkeypatch):
    assert CATALOG["celeba"].location == "missing"
    with pytest.raises(
        ValueError, match=r"data set 'celeba' is not on this machine: ELBOWROOM_DATA is .*Google Drive"
    ) as e:
        load_data("celeba")
    assert "get img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt from https://mmlab" in str(
        e.value
    )
    assert "\n" not in str(e.value)
    texts, images, _ = celeba_files()
    write_celeba(celeba_folder, "zip", {}, images)
    with pytest.raises(
        ValueError, match=r"label='Bald' selects attributes of celeba, and list_attr_celeba.txt is not there"
    ):
        load_data("celeba", label="Bald")
    data = load_data("celeba")  # by their numbers all are train
    assert data.train.y is None
    assert data.protocol["sizes"] == {"train": 7, "validation": 1, "test": 1}
    monkeypatch.setattr(celeba, "LAST_IMAGE_NUMBERS", (5, 7))
    assert load_data("celeba").protocol["sizes"] == {"train": 5, "validation": 2, "test": 2}
    short = texts["list_attr_celeba.txt"].rsplit(b"\n", 1)[0]
    write_archive(celeba_folder, {"list_attr_celeba.txt": short})
    with pytest.raises(ValueError, match=r"000009.jpg of .*some.zip is not in list_attr_celeba.txt: take it out"):
        load_data("celeba")


@pytest.mark.slow
def test_the_first_ten_thousand_of_celeba(real_data):
    data = load_data("celeba")
    assert data.protocol["sizes"] == {"train": 8000, "validation": 1000, "test": 1000}
    assert data.protocol["fingerprint"] == load_data("celeba").protocol["fingerprint"]
    assert len(data.attributes) == 40
    x, y, _ = data.train.first(8000)
    assert y[:, data.attributes.index("Male")].mean() == pytest.approx(0.42, abs=0.02)
    assert x.mean() == pytest.approx(0.43, abs=0.05)
