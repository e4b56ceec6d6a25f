"""Frey faces: one man's face in the frames of a video."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from elbowroom.data.catalog.download import DatasetFile, fetch_contents
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawDataset, split_from_arrays


def decode_frames(data: bytes) -> bytes:
    """Decode the pixels of a MATLAB file's frames, one frame after the other."""
    from scipy.io import loadmat

    return np.ascontiguousarray(loadmat(BytesIO(data))["ff"].T).tobytes()


FREY_FILE = DatasetFile(
    "FreyFaces/frey_rawface.mat",
    "sha256:2438ba4f0d2a6bd8bac43de756141eaa33c8d248dd613d464bdb1210d9b7af78",
    ("https://cs.nyu.edu/~roweis/data/frey_rawface.mat", "http://www.cs.nyu.edu/~roweis/data/frey_rawface.mat"),
    decode=decode_frames,
)


@dataset(
    "frey-faces",
    summary="one man's face in the frames of a video, grey; validation and test are blocks of the video",
    source="B. Frey and S. Roweis; used in S. Roweis, L. Saul and G. Hinton, Global coordination of local linear "
    "models, NIPS 2001",
    license="none stated",
    shape=(1, 28, 20),
    sizes={"train": 1965},
    files=(FREY_FILE,),
    default_amounts=(0.1, 0.1),
)
def frey_faces() -> RawDataset:
    """1,965 frames of 28x20 pixels, in the order of the video."""
    pixels = np.frombuffer(fetch_contents("frey-faces", [FREY_FILE])[0], np.uint8)
    return RawDataset(split_from_arrays(pixels.reshape(-1, 28, 20)), is_video=True)
