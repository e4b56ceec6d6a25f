"""CIFAR-10, SVHN and the Olivetti faces."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from elbowroom.data import load_data
from elbowroom.data.catalog import cifar_svhn, olivetti
from tests.data.sources import WHOLE, noise


def patch_hash(monkeypatch, module, name, content, urls=()):
    """A file of a set with the hash of another content."""
    md5 = "md5:" + hashlib.md5(content).hexdigest()
    file = getattr(module, name)
    monkeypatch.setattr(module, name, replace(file, content_hash=md5, download_hash=md5, urls=urls or file.urls))


def test_cifar10_is_downloaded_and_checked(tmp_path, monkeypatch):
    batches = {f"data_batch_{n}.bin": noise(n, (4, 3073)) for n in range(1, 6)} | {
        "test_batch.bin": noise(9, (3, 3073))
    }
    for rows in batches.values():
        rows[:, 0] %= 10
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, rows in {**batches, "readme.html": noise(0, (9,))}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = rows.nbytes
            tar.addfile(info, io.BytesIO(rows.tobytes()))
    served = tmp_path / "served"
    served.mkdir()
    (served / "cifar-10-binary.tar.gz").write_bytes(packed.getvalue())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *a: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        urls = (f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz",)
        patch_hash(monkeypatch, cifar_svhn, "CIFAR_FILE", packed.getvalue(), urls)
        data = load_data("cifar10", validation=2)
        server.shutdown()
    assert data.protocol["sizes"] == {"train": 18, "validation": 2, "test": 3}
    assert data.classes[3] == "cat"
    assert torch.equal(data.test.x.flatten(1), torch.from_numpy(batches["test_batch.bin"][:, 1:]))
    assert data.test.y.tolist() == batches["test_batch.bin"][:, 0].tolist()
    whole = load_data("cifar10", validation=0).train  # from the cache: the server is gone
    assert torch.equal(whole.x[4:8].flatten(1), torch.from_numpy(batches["data_batch_2.bin"][:, 1:]))
    (tmp_path / "cache" / "CIFAR10" / "cifar-10-binary.tar.gz").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"data set 'cifar10' is not on this machine: .* downloading failed"):
        load_data("cifar10")


def test_svhn_calls_a_nought_ten(tmp_path, monkeypatch):
    from scipy.io import savemat

    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "SVHN").mkdir()
    x, y = noise(0, (32, 32, 3, 12)), np.arange(1, 13)[:, None] % 11 + (np.arange(1, 13)[:, None] % 11 == 0)
    files = []
    for file in cifar_svhn.SVHN_FILES:
        savemat(tmp_path / file.path, {"X": x, "y": y.astype(np.uint8)})
        content = (tmp_path / file.path).read_bytes()
        files.append(replace(file, content_hash="md5:" + hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(cifar_svhn, "SVHN_FILES", tuple(files))
    data = load_data("svhn", validation=0)
    assert data.protocol["sizes"] == {"train": 12, "test": 12}
    assert torch.equal(data.test.x[5], torch.from_numpy(x[..., 5].transpose(2, 0, 1)))
    assert data.test.y[9] == 0
    assert data.classes == tuple("0123456789")
    (tmp_path / "SVHN" / "test_32x32.mat").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"test_32x32.mat is damaged or another file"):
        load_data("svhn")


def test_olivetti_stands_upright(tmp_path, monkeypatch):
    from scipy.io import savemat

    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "Olivetti").mkdir()
    x = noise(0, (30, 64, 64))
    savemat(tmp_path / "Olivetti" / "olivettifaces.mat", {"faces": x.transpose(2, 1, 0).reshape(4096, 30)})
    content = (tmp_path / "Olivetti" / "olivettifaces.mat").read_bytes()
    file = replace(olivetti.OLIVETTI_FILE, content_hash="md5:" + hashlib.md5(content).hexdigest())
    monkeypatch.setattr(olivetti, "OLIVETTI_FILE", file)
    whole = load_data("olivetti", **WHOLE)
    assert np.array_equal(whole.train.x[:, 0].numpy(), x)
    assert whole.train.y.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert whole.classes == ("0", "1", "2")
