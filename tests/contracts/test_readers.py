"""What every reader of files promises."""

from dataclasses import fields

import pytest

from elbowroom.data.options import OPTION_SCOPES, ReadOptions
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import READERS, find_reader


def test_every_option_says_what_it_is_for():
    assert {field.name for field in fields(ReadOptions)} == set(OPTION_SCOPES)


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_a_reader_has_known_options_and_lower_case_endings(reader):
    assert set(reader.options) <= set(OPTION_SCOPES)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in reader.suffixes)


@pytest.mark.parametrize(
    ("name", "read"), [("a.csv", "read_table"), ("a.npy", "read_npy"), ("a.npz", "read_npz"), ("a.PNG", "read_images")]
)
def test_the_ending_of_a_file_decides(tmp_path, name, read):
    reader = find_reader(Listing(tmp_path / name, files=(tmp_path / name,)), ReadOptions())
    assert reader.read.__name__ == read


def test_an_unknown_ending_has_no_reader(tmp_path):
    assert find_reader(Listing(tmp_path / "a.xls", files=(tmp_path / "a.xls",)), ReadOptions()) is None
