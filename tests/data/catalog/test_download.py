"""Files of named data sets: found, downloaded, verified."""

import gzip
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elbowroom.data import dataset, load_data
from elbowroom.data.catalog import download, registry
from elbowroom.data.catalog.download import DatasetFile
from elbowroom.data.raw import RawDataset, split_from_arrays

REFUSING_URL = "http://127.0.0.1:9/"


@pytest.fixture
def tiny():
    """A function that registers a data set of one array in two files; their contents; the files."""
    content = [np.arange(80, dtype=np.uint8).tobytes(), np.arange(20, dtype=np.uint8).tobytes()]
    files = tuple(
        DatasetFile(f"Tiny/{n}.bin", "sha256:" + hashlib.sha256(c).hexdigest(), (REFUSING_URL + f"{n}.bin.gz",))
        for n, c in zip(("first", "second"), content, strict=True)
    )

    def register(files):
        @dataset("tiny", summary="small", source="here", license="none", files=files)
        def tiny():
            """Small."""
            x = np.frombuffer(b"".join(download.fetch_contents("tiny", files)), np.uint8)
            return RawDataset(split_from_arrays(x.reshape(-1, 2, 2)))

        return content, files

    yield register, content, files
    registry.CATALOG.pop("tiny", None)


def test_found_in_the_user_data_folder(tiny, tmp_path, monkeypatch):
    register, content, files = tiny
    register(files)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    assert registry.CATALOG["tiny"].location == "download"
    (tmp_path / "Tiny").mkdir()
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0])
    (tmp_path / "Tiny" / "second.bin.gz").write_bytes(gzip.compress(content[1]))
    assert registry.CATALOG["tiny"].location == str(tmp_path / "Tiny")
    assert load_data("tiny", validation=0).train.x.flatten().tolist() == list(range(80)) + list(range(20))
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0][:-1])
    with pytest.raises(ValueError, match=r"first.bin is damaged or another file \(sha256 .* is expected\): replace it"):
        load_data("tiny")
    (tmp_path / "Tiny" / "second.bin.gz").write_bytes(gzip.compress(content[1])[:-5])
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0])
    with pytest.raises(ValueError, match=r"second.bin.gz is damaged or another file \(.*[Cc]ompressed"):
        load_data("tiny")


def test_downloaded_once_from_the_first_mirror_that_has_it(tiny, server, tmp_path):
    register, content, files = tiny
    folder, address = server
    for file, c in zip(files, content, strict=True):
        (folder / (Path(file.path).name + ".gz")).write_bytes(gzip.compress(c))
    (folder / "wrong").mkdir()
    (folder / "wrong" / "first.bin.gz").write_bytes(b"hello")
    mirrors = (REFUSING_URL, address + "nowhere/", address + "wrong/", address)
    files = tuple(replace(f, urls=tuple(m + Path(f.path).name + ".gz" for m in mirrors)) for f in files)
    register(files)
    first = load_data("tiny")
    assert registry.CATALOG["tiny"].location == str(tmp_path / "cache" / "Tiny")
    shutil.rmtree(folder)
    assert load_data("tiny").protocol == first.protocol
    # a file damaged in the cache is fetched again, which fails here
    (tmp_path / "cache" / "Tiny" / "first.bin.gz").write_bytes(b"torn")
    with pytest.raises(ValueError, match="downloading failed") as error:
        load_data("tiny")
    assert "Put first.bin into FOLDER/Tiny" in str(error.value)


def test_missing_files_that_cannot_be_downloaded(tiny, server, tmp_path, monkeypatch):
    register, _, files = tiny
    folder, address = server
    (folder / "first.bin.gz").write_bytes(b"hello")
    urls = (REFUSING_URL + "first.bin.gz", address + "none.gz", address + "first.bin.gz")
    register((replace(files[0], urls=urls), files[1]))
    with pytest.raises(ValueError, match="data set 'tiny' is not on this machine") as error:
        load_data("tiny")
    message = str(error.value)
    assert "\n" not in message
    assert "ELBOWROOM_DATA is not set" in message
    assert f"{urls[0]}: ConnectionError; {urls[1]}: status 404; {urls[2]}: another file" in message
    assert "Put first.bin, second.bin into FOLDER/Tiny (gzipped or not) and set ELBOWROOM_DATA=FOLDER" in message
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"ELBOWROOM_DATA is .*nowhere, which is no folder"):
        load_data("tiny")
    register((replace(files[0], urls=()),))
    assert registry.CATALOG["tiny"].location == "missing"
    with pytest.raises(ValueError, match=r"Tiny/first\.bin has no address"):
        load_data("tiny")


def test_no_permission(tiny, tmp_path, monkeypatch):
    register, content, files = tiny
    register(files)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "Tiny").mkdir()
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0])

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(ValueError, match=r"no permission to read .*first.bin: change its permissions"):
        load_data("tiny")
