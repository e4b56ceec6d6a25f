"""Metrics log: each complete line once, also after the file was replaced."""

import os

from elbowroom.runs import metrics_log


def test_each_complete_line_is_read_once_and_a_new_file_from_its_start(tmp_path):
    file, tail = tmp_path / "metrics.jsonl", metrics_log.JsonlTail(tmp_path / "metrics.jsonl")
    file.write_bytes(b'{"a": 1}\n{"b"')
    assert tail.read_new() == (False, [b'{"a": 1}\n'])
    assert tail.read_new() == (False, [])
    with file.open("ab") as more:
        more.write(b": 2}\n")
    assert tail.read_new() == (False, [b'{"b": 2}\n'])
    (tmp_path / "new").write_bytes(b'{"a": 1}\n')
    os.replace(tmp_path / "new", file)
    assert tail.read_new() == (True, [b'{"a": 1}\n'])
