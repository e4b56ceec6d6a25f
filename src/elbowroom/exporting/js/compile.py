"""A decoder as a program: a list of operations on numbered values, their shapes known, for any interpreter to run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind

from elbowroom.exporting.js.graph import Graph, GraphBuilder, Value, lower_view, raise_unsupported
from elbowroom.exporting.js.ops import EXTRA_VIEW_OPS, IDENTITY_OPS, LIKE_OPS, OPS


def compile_graph(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str]) -> Graph:
    """What a module does to these inputs, as a program for inputs of these shapes.

    ``torch.export`` records the operations; what does not depend on the inputs is computed now, what the output does
    not depend on is left out, and each of the rest is written down by its row in :data:`elbowroom.exporting.js.ops.OPS`.

    Raises:
        ValueError: an operation that the table lacks, or a way through the module that depends on values.

    >>> step = compile_graph(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), [torch.zeros(1, 2)], ["z"])
    >>> [op for op, *_ in step.steps]
    ['linear', 'relu']
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, tuple(inputs), strict=False).run_decompositions({})
    except Exception as error:  # whatever a network of one's own may do
        why = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"the decoder cannot be traced ({type(error).__name__}: {why}): export it with --onnx"
        ) from error
    tape, known = GraphBuilder(), dict[str, Any]()
    given = iter(zip(names, inputs, strict=True))
    for spec in exported.graph_signature.input_specs:
        if spec.kind is InputKind.USER_INPUT:
            name, x = next(given)
            known[spec.arg.name] = tape.add_input(name, tuple(x.shape))
        else:
            held = exported.state_dict if spec.target in exported.state_dict else exported.constants
            known[spec.arg.name] = held[str(spec.target)].detach()
    with torch.no_grad():
        for node in exported.graph.nodes:
            # What nobody uses is an assertion.
            if node.op == "call_function" and node.users:
                known[node.name] = _lower_node(tape, node, known)
    (last,) = exported.graph_signature.user_outputs
    return tape.build(known[str(last)])


def _lower_node(builder: GraphBuilder, node: torch.fx.Node, known: dict[str, Any]) -> Any:
    """A node's value: computed now where it can be, else written on the tape."""
    given: Any = torch.fx.map_arg((node.args, node.kwargs), lambda n: known[n.name])
    args, kwargs = given
    values = [a for a in _flatten((args, list(kwargs.values()))) if isinstance(a, Value)]
    name = getattr(node.target, "__name__", str(node.target))
    if name == "getitem":
        return args[0][args[1]]
    if not values:
        return node.target(*args, **kwargs)  # type: ignore[operator]
    if name in LIKE_OPS:
        return node.target(torch.empty(args[0].shape), *args[1:], **kwargs)  # type: ignore[operator]
    if name in IDENTITY_OPS:
        return args[0]
    if name in EXTRA_VIEW_OPS or _is_view(node.target):
        return lower_view(builder, node.target, args, kwargs)
    if name not in OPS:
        raise_unsupported(name)
    made = node.meta["val"]
    return OPS[name](builder, tuple((made if isinstance(made, Tensor) else made[0]).shape), *args, **kwargs)


def _is_view(target: Any) -> bool:
    """Whether an operation only looks at its input in another way, as its schema says."""
    returns = target._schema.returns
    return bool(returns) and all(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _flatten(args: Any) -> list[Any]:
    if isinstance(args, list | tuple) and not isinstance(args, Value):
        return [found for a in args for found in _flatten(a)]
    return [args]
