"""The atomic write: all or nothing, into what is there."""

import pytest
import torch

from elbowroom import serialization
from elbowroom.serialization import atomic_path


def test_after_an_error_the_old_file_stays_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")

    def write():
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_what_a_killed_process_left_is_overwritten_and_no_link_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("untouched")
    (tmp_path / "a.part").symlink_to(tmp_path / "elsewhere")
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "elsewhere": "untouched"}


def test_a_folder_that_was_moved_away_is_not_made_again(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "gone" / "a") as temporary:
        temporary.write_text("new")
    assert not list(tmp_path.iterdir())


def test_a_hashed_file_stands_alone_under_its_name_and_shows_damage(tmp_path):
    path = serialization.save_hashed(tmp_path, "7", {"w": torch.ones(2)}, {"step": "7"})
    assert list(tmp_path.iterdir()) == [path]
    assert serialization.read_hashed(path)[1] == {"step": "7"}
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match="is damaged"):
        serialization.read_hashed(path)
