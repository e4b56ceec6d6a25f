"""Omniglot from the official zips."""

import hashlib
import io
import shutil
import zipfile
from dataclasses import replace

import numpy as np
from PIL import Image

from elbowroom.data import load_data
from elbowroom.data.catalog import omniglot
from elbowroom.data.catalog.mnist import unpack_bitmaps


def omniglot_zip(alphabets):
    """Return a zip in the official layout with drawings of random ink, and the ink by (alphabet, character)."""
    generator = np.random.default_rng(1)
    drawings, data = {}, io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for alphabet in alphabets:
            for character in (2, 1):
                name = f"images_background/{alphabet}/character{character:02}/0{character}01_01.png"
                ink = generator.random((105, 105)) < 0.1
                file = io.BytesIO()
                Image.fromarray(~ink).save(file, "PNG")
                archive.writestr(name, file.getvalue())
                drawings[alphabet, character] = ink
    return data.getvalue(), drawings


def test_drawings_are_taken_at_the_nearest_pixels():
    background, ink = omniglot_zip(["Korean", "Greek"])
    evaluation, _ = omniglot_zip(["Angelic"])
    arrays = omniglot.resize_drawings(background, evaluation)
    assert arrays["alphabet_names"].tolist() == ["Angelic", "Greek", "Korean"]
    assert arrays["alphabet"].tolist() == [0, 0, 1, 1, 2, 2]
    assert arrays["evaluation"].tolist() == [1, 1, 0, 0, 0, 0]
    images = unpack_bitmaps(arrays["images"])
    nearest = Image.fromarray(ink["Greek", 1]).resize((28, 28), Image.Resampling.NEAREST)
    assert np.array_equal(images[2], np.asarray(nearest))


def test_omniglot_from_the_official_zips(tmp_path, monkeypatch):
    zips = [omniglot_zip(["Korean", "Greek"])[0], omniglot_zip(["Angelic"])[0]]
    files = tuple(
        replace(f, content_hash="md5:" + hashlib.md5(z).hexdigest())
        for f, z in zip(omniglot.OMNIGLOT_FILES, zips, strict=True)
    )
    monkeypatch.setattr(omniglot, "OMNIGLOT_FILES", files)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "Omniglot").mkdir()
    for file, data in zip(files, zips, strict=True):
        (tmp_path / file.path).write_bytes(data)
    data = load_data("omniglot", validation=1)
    assert data.protocol["sizes"] == {"train": 3, "validation": 1, "test": 2}
    assert data.classes == ("Angelic", "Greek", "Korean")
    assert data.binary
    shutil.rmtree(tmp_path / "Omniglot")
    assert load_data("omniglot", validation=1).protocol == data.protocol
