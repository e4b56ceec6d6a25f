"""The layouts of MNIST and its relatives."""

import numpy as np

from elbowroom.data.catalog.mnist import parse_bits


def test_text_of_bits_in_any_spacing():
    rows = np.random.default_rng(0).integers(0, 2, (5, 784), dtype=np.uint8)
    for between, end in ((" ", "\n"), (" ", " \r\n"), ("", "\n")):
        text = "".join(between.join(map(str, row)) + end for row in rows).encode()
        assert np.array_equal(parse_bits(text), rows)
