"""What commands say of the files that they write."""

import pytest

import elbowroom as er
from elbowroom.cli.output_files import save_texts


@pytest.mark.parametrize(("n", "words"), [(1, "1 text  drawn"), (2, "2 texts  drawn")])
def test_one_text_is_a_text(n, words, tmp_path, capsys):
    data = er.load_data([f"{who} sleeps." for who in "abcdefgh"], seed=0)
    save_texts(tmp_path / "x.txt", data.protocol, "drawn", data.train.first(n).x)
    assert words in capsys.readouterr().out
