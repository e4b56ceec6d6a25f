"""Views that are the labels themselves: what has seen them says nothing about finding the classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.evaluation.registry import EvalContext
from elbowroom.table_shape import TableShape


def find_label_views(context: EvalContext) -> tuple[str, ...]:
    """Return the names of the views that are the classes: a category, each value of one class and each of another.

    Empty for examples of one view. Examples of unknown class and missing views say nothing.
    """
    views = context.model.views
    if views is None:
        return ()
    categories = [view.name for view in views.views if isinstance(view.shape, TableShape) and view.size == 1]
    pairs: dict[str, set[tuple[float, float]]] = {name: set() for name in categories}
    for batch in context.eval_split.batches(context.batch_size):
        for name, parts in views.split(batch.x).items():
            if name in pairs and batch.y is not None:
                value, label = parts.flatten(), batch.y
                is_known = ~value.isnan() & (label >= 0)
                pairs[name].update(zip(value[is_known].tolist(), label[is_known].tolist(), strict=True))
    return tuple(name for name, found in pairs.items() if found and _is_one_to_one(found))


def _is_one_to_one(pairs: set[tuple[float, float]]) -> bool:
    values, labels = zip(*pairs, strict=True)
    return len(set(values)) == len(set(labels)) == len(pairs)


def without_views(context: EvalContext, x: Tensor, names: Sequence[str]) -> Tensor:
    """Return examples with these views missing."""
    views = context.model.views
    if views is None or not names:
        return x
    return views.keep(x, [name for name in views.names if name not in names])


def has_other_views(context: EvalContext, x: Tensor, names: Sequence[str]) -> Tensor:
    """Return which examples (B,) have a view besides these: of the others nothing is left to be encoded."""
    views = context.model.views
    if views is None or not names:
        return torch.ones(len(x), dtype=torch.bool)
    others = [part.flatten(1) for name, part in views.split(x).items() if name not in names]
    return ~torch.cat([x.new_zeros(len(x), 0), *others], 1).isnan().all(1).cpu()


def describe_without(names: Sequence[str]) -> str:
    """Return the ending of an estimator that was given examples without these views.

    >>> describe_without(("digit",)), describe_without(())
    ('; examples without the view digit, which is the class', '')
    """
    return f"; examples without the view {', '.join(names)}, which is the class" if names else ""
