"""Metrics log: each complete line once, also after the file was replaced."""

import os

import pytest

from elbowroom.runs import metrics_log
from elbowroom.runs.run import Run


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


@pytest.mark.parametrize(
    ("line", "is_row"),
    [
        (b'{"step": 1, "epoch": 1, "loss": 2.5}\n', True),
        (b'{"step": 1, "epoch": 1}', True),
        (b'{"step": 1, "ep\n', False),
        (b'{"step": -1, "epoch": 1}\n', False),
        (b'{"step": true, "epoch": 1}\n', False),
        (b'{"step": 1, "epoch": 1, "seconds": NaN}\n', False),
        (b"[" * 100_000 + b"\n", False),
        (b"\xff\xfe\n", False),
    ],
)
def test_a_run_and_the_studio_read_the_same_rows(tmp_path, line, is_row):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 0, "epoch": 0}\n' + line)
    rows = metrics_log.read_rows(tmp_path / "metrics.jsonl")
    assert len(rows) == 1 + is_row
    assert Run(tmp_path).metrics() == rows


def test_a_run_reads_through_a_link_and_the_studio_does_not(tmp_path):
    (tmp_path / "elsewhere.jsonl").write_text('{"step": 0, "epoch": 0}\n')
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    assert len(Run(tmp_path).metrics()) == 1
    with pytest.raises(OSError, match="link"):
        metrics_log.read_rows(tmp_path / "metrics.jsonl")
