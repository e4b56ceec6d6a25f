"""Examples as people hold them, coded as the data that a model was trained on, which the model remembers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from elbowroom.data.coding import Protocol
from elbowroom.data.recorded import load_like
from elbowroom.data.splits.memory import freeze
from elbowroom.data.text_encoding import is_texts


def remember_data(module: nn.Module, protocol: Protocol) -> None:
    """Let a module, which may be one of your own, know the data that it is trained on, by which new data is coded."""
    module.data_record = protocol  # type: ignore[assignment]
    module.code_examples = partial(code_examples, protocol=protocol)  # type: ignore[assignment]


def code_examples(x: Any, protocol: Protocol) -> Tensor:
    """Return examples (an array, a tensor of bytes, a table) as a model of recorded data sees them, (N, *shape).

    Raises:
        ValueError: as for :func:`~elbowroom.data.load_like`; an array for a model of a table.
    """
    if isinstance(x, list) and not is_texts(x):
        x = np.asarray(x)
    if "columns" in protocol and isinstance(x, np.ndarray | Tensor):
        raise ValueError(
            "an array has no columns, and the model was trained on a table: give a DataFrame with its columns, or the "
            "coded rows as a float tensor, as data.test.x"
        )
    split = freeze(load_like(x, protocol).train, 0)
    return split.first(len(split)).x
