"""Compilation of a module to a static graph: a list of operations on numbered values of known shapes."""

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
    """Trace a module on example inputs, and return its graph for inputs of these shapes.

    ``torch.export`` records the operations. Those that do not depend on the inputs are computed now, those that the
    output does not depend on are left out, and the others are lowered by their function in
    :data:`elbowroom.exporting.js.ops.OPS`.

    Args:
        module: from tensors to one tensor.
        inputs: example inputs.
        names: the names of the inputs in the graph.

    Raises:
        ValueError: an operation has no lowering, or the control flow of the module depends on values.

    >>> graph = compile_graph(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), [torch.zeros(1, 2)], ["z"])
    >>> [op for op, *_ in graph.operations]
    ['linear', 'relu']
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, tuple(inputs), strict=False).run_decompositions({})
    except Exception as error:  # a user's network may raise anything
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"the decoder cannot be traced ({type(error).__name__}: {reason}): export it with --onnx"
        ) from error
    builder, known = GraphBuilder(), dict[str, Any]()
    named_inputs = iter(zip(names, inputs, strict=True))
    for spec in exported.graph_signature.input_specs:
        if spec.kind is InputKind.USER_INPUT:
            name, x = next(named_inputs)
            known[spec.arg.name] = builder.add_input(name, tuple(x.shape))
        else:
            tensors = exported.state_dict if spec.target in exported.state_dict else exported.constants
            known[spec.arg.name] = tensors[str(spec.target)].detach()
    with torch.no_grad():
        for node in exported.graph.nodes:
            # A node without users is an assertion.
            if node.op == "call_function" and node.users:
                known[node.name] = _lower_node(builder, node, known)
    (output,) = exported.graph_signature.user_outputs
    return builder.build(known[str(output)])


def _lower_node(builder: GraphBuilder, node: torch.fx.Node, known: dict[str, Any]) -> Any:
    """Return the value of a node: computed now if it depends on no input, else added to the graph."""
    arguments: Any = torch.fx.map_arg((node.args, node.kwargs), lambda n: known[n.name])
    args, kwargs = arguments
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
    output = node.meta["val"]
    return OPS[name](builder, tuple((output if isinstance(output, Tensor) else output[0]).shape), *args, **kwargs)


def _is_view(target: Any) -> bool:
    """Whether an operation returns views of its input, by its schema."""
    returns = target._schema.returns
    return bool(returns) and all(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _flatten(args: Any) -> list[Any]:
    if isinstance(args, list | tuple) and not isinstance(args, Value):
        return [leaf for a in args for leaf in _flatten(a)]
    return [args]
