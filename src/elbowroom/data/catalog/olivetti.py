"""Olivetti, the faces of forty people."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from elbowroom.data.catalog.download import DatasetFile, fetch_contents
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.raw import RawDataset, split_from_arrays

OLIVETTI_FILE = DatasetFile(
    "Olivetti/olivettifaces.mat",
    "sha256:b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
    ("https://ndownloader.figshare.com/files/5976027", "https://cs.nyu.edu/~roweis/data/olivettifaces.mat"),
)


@dataset(
    "olivetti",
    summary="ten images each of forty people's faces, grey; the classes are the people",
    source="F. Samaria and A. Harter, Parameterisation of a stochastic model for human face identification, 1994 "
    "(AT&T Laboratories Cambridge), as S. Roweis gave them out at 64x64",
    license="none stated",
    shape=(1, 64, 64),
    sizes={"train": 400},
    files=(OLIVETTI_FILE,),
    default_amounts=(0.1, 0.1),
)
def olivetti() -> RawDataset:
    """400 faces of 64x64 pixels, grey."""
    from scipy.io import loadmat

    faces = loadmat(BytesIO(fetch_contents("olivetti", [OLIVETTI_FILE])[0]))["faces"]
    # a column for every face, which is written column by column
    faces = np.ascontiguousarray(faces.T.reshape(-1, 64, 64).transpose(0, 2, 1))
    people = np.arange(len(faces)) // 10
    return RawDataset(split_from_arrays(faces, people), classes=tuple(map(str, range(int(people.max()) + 1))))
