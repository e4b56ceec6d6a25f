"""Gray images for data in colour and back: on request, and as recorded data has them."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from elbowroom.data import load_data, load_like
from tests.data.sources import WHOLE, encode, noise, write_archive

N = 12
IMAGES = {"gray": noise(0, (N, 8, 6)), "rgb": noise(1, (N, 8, 6, 3))}


def write_images(path, images):
    return write_archive(path, {f"{i:02}.png": encode(image) for i, image in enumerate(images)})


def write_npz(path, images):
    np.savez(path, x=images)
    return path.with_suffix(".npz")


SOURCES = {
    "array": lambda images, path: images,
    "numbers": lambda images, path: (images / 255).astype(np.float32),
    "npz": lambda images, path: write_npz(path / "a", images),
    "folder": lambda images, path: write_images(path / "folder", images),
    "zip": lambda images, path: write_images(path / "a.zip", images),
    "tar": lambda images, path: write_images(path / "a.tar", images),
    "dataset": lambda images, path: [(image, 0) for image in images],
    "loader": lambda images, path: DataLoader(TensorDataset(torch.from_numpy(images)), batch_size=5),
}


def convert_images(images, color):
    """As PIL converts them, which rounds down."""
    return np.stack(
        [np.asarray(Image.fromarray(image).convert({"gray": "L", "rgb": "RGB"}[color])) for image in images]
    )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("stored", "color"), [("gray", "rgb"), ("rgb", "gray"), ("gray", "gray"), ("rgb", "rgb")])
def test_images_are_converted_on_request_and_as_recorded(tmp_path, source, stored, color):
    own = SOURCES[source](IMAGES[stored], tmp_path)
    recorded = load_data(IMAGES[color], **WHOLE).protocol
    want = convert_images(IMAGES[stored], color).reshape(N, 8, 6, -1).transpose(0, 3, 1, 2)
    for data in (load_data(own, color=color, **WHOLE), load_like(own, recorded)):
        assert data.shape == want.shape[1:]
        levels = data.train.first(N).x * 255
        assert (levels - torch.from_numpy(want)).abs().max() <= 1.001
        assert data.protocol["arguments"]["color"] == color
        is_said = any(words in data.protocol["preprocessing"] for words in ("to gray by", "gray repeated"))
        assert is_said is (stored != color)


@pytest.mark.parametrize("buffer", [None, 5])
def test_pixels_stay_pixels(tmp_path, buffer):
    path = write_images(tmp_path / "folder", IMAGES["rgb"])
    data = load_data(path, color="gray", buffer=buffer, dequantize=True)
    levels = (data.test.first(9).x * 256).floor()
    assert 0 <= levels.min() < levels.max() <= 255
    assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol
    binary = load_data(path, color="gray", buffer=buffer, binarize="threshold")
    assert binary.binary
    assert binary.shape == (1, 8, 6)


def test_a_validation_of_the_other_kind_is_converted_on_request():
    data = load_data(IMAGES["rgb"], validation=IMAGES["gray"], color="gray")
    assert data.validation.shape == data.shape == (1, 8, 6)
    with pytest.raises(ValueError, match="examples of validation= have shape"):
        load_data(IMAGES["rgb"], validation=IMAGES["gray"])


@pytest.mark.parametrize("x", [np.eye(5), np.zeros((4, 8, 8, 4), np.uint8)])
def test_what_is_no_image_is_refused(x):
    with pytest.raises(ValueError, match=r"examples of array are .*, and color=gray is for images of 1 or 3 channels"):
        load_data(x, color="gray")
