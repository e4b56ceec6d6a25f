"""Arrays that are computed once and kept in the cache."""

import numpy as np

from elbowroom.data.cache import load_or_build


def test_load_or_build_builds_once(tmp_path):
    calls = []

    def build():
        calls.append(1)
        return {"a": np.arange(3)}

    for _ in range(2):
        assert load_or_build("Some/thing.npz", build)["a"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    (tmp_path / "cache" / "Some" / "thing.npz").write_bytes(b"PK torn")
    assert load_or_build("Some/thing.npz", build)["a"].tolist() == [0, 1, 2]
    assert len(calls) == 2
    assert sorted(p.name for p in (tmp_path / "cache" / "Some").iterdir()) == ["thing.lock", "thing.npz"]
