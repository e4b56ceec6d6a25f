"""A function of tensors as a list of operations: traced once, simplified without a change of any bit, run again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg

ATEN = torch.ops.aten
#: Operations that only autograd needs: they return their argument.
ALIASES = (ATEN.detach.default, ATEN.alias.default)
#: Operations whose result follows from the shape of their argument.
FILLS = (ATEN.ones_like.default, ATEN.zeros_like.default, ATEN.full_like.default)


def trace(function: Callable[..., list[Tensor]], *inputs: Tensor) -> GraphModule:
    """Run a function, and return its operations as a module from the same inputs to the same outputs.

    Tensors other than the inputs are those that the function used, such as parameters, with the values that they have
    at each run. Random numbers are drawn from the global generator, as many as the function drew.

    Raises:
        RuntimeError: the function read a value into Python, a shape depends on values, or there is an LSTM.

    >>> weight = torch.tensor([2.0, 3.0])
    >>> double = trace(lambda x: [2 * (x * weight).detach()], torch.ones(2))
    >>> _ = weight.fill_(5)
    >>> double(torch.tensor([1.0, 2.0]))
    [tensor([10., 20.])]
    """
    module: GraphModule = make_fx(function)(*inputs)
    graph = module.graph
    for node in graph.nodes:
        if _has_dynamic_shape(node):
            raise RuntimeError(f"the shape of {node.target} depends on values")
        if "mkldnn_rnn" in str(node.target):
            raise RuntimeError(f"{node.target} keeps a workspace for its gradient, which is no tensor of a recording")
        if node.target in ALIASES:
            node.replace_all_uses_with(node.args[0])
    if not any(map(_is_mutating, graph.nodes)):
        outputs = set(graph.output_node().all_input_nodes)
        operations = [node for node in graph.nodes if _is_repeatable(node) and node not in outputs]
        _fold_constants(module, operations)
        _merge_equal(operations)
    graph.eliminate_dead_code()
    for node in graph.nodes:
        node.meta.clear()  # it holds an example of the result
    module.recompile()
    return module


def _has_dynamic_shape(node: Node) -> bool:
    """Whether the shape of the result depends on values; where whole numbers are indices it does not."""
    if torch.Tag.dynamic_output_shape not in getattr(node.target, "tags", ()):
        return False
    indices: Any = node.args[1] if node.target is ATEN.index.Tensor else ()
    kinds = [index.meta["val"].dtype for index in indices if index is not None]
    return not kinds or torch.bool in kinds or torch.uint8 in kinds


def _is_mutating(node: Node) -> bool:
    """Whether an operation writes to its arguments; batch normalisation does, and its schema does not say so."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and (schema.is_mutable or "batch_norm" in schema.name)


def _is_repeatable(node: Node) -> bool:
    """Whether an operation gives the same tensor each time it is given the same arguments."""
    is_single = isinstance(node.meta.get("val"), Tensor)
    return isinstance(node.target, torch._ops.OpOverload) and is_single and not node.is_impure()


def _fold_constants(module: GraphModule, operations: list[Node]) -> None:
    """Do once what follows from shapes alone, and views of tensors that are no inputs."""
    views = {node: _attribute(module, node) for node in module.graph.nodes if node.op == "get_attr"}
    constants: dict[Node, Tensor] = {}
    for node in operations:
        sources = node.all_input_nodes
        if node.target in FILLS and sources[0] not in constants:
            known, value = constants, _run(node, {sources[0]: _empty_like(sources[0].meta["val"])})
        elif all(source in constants for source in sources):
            known, value = constants, _run(node, constants)
        elif node.target.is_view and all(source in views for source in sources):  # type: ignore[union-attr]
            known, value = views, _run(node, views)
        else:
            continue
        known[_replace_by_attribute(module, node, value)] = value


def _run(node: Node, values: dict[Node, Tensor]) -> Tensor:
    """Return the result of an operation on the given values."""
    args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
    result: Tensor = node.target(*args, **kwargs)  # type: ignore[operator]
    return result


def _empty_like(example: Tensor) -> Tensor:
    """Return a tensor laid out as the example, which holds no values."""
    return torch.empty_strided(example.size(), example.stride(), dtype=example.dtype, device=example.device)


def _attribute(module: GraphModule, node: Node) -> Tensor:
    """Return the tensor that a node reads from the module."""
    value: Tensor = getattr(module, str(node.target))
    return value


def _replace_by_attribute(module: GraphModule, node: Node, value: Tensor) -> Node:
    """Keep the value of a node in the module, and read it from there; return the node that does."""
    name = f"_folded_{node.name}"
    module.register_buffer(name, value, persistent=False)
    with module.graph.inserting_before(node):
        attribute = module.graph.get_attr(name)
    node.replace_all_uses_with(attribute)
    return attribute


def _merge_equal(operations: list[Node]) -> None:
    """Do operations with the same arguments once."""
    first: dict[Hashable, Node] = {}
    for node in operations:
        key = (node.target, _hashable(node.args), _hashable(node.kwargs))
        if first.setdefault(key, node) is not node:
            node.replace_all_uses_with(first[key])


def _hashable(value: Any) -> Hashable:
    """Return arguments as something that equals only the same arguments: 1, 1.0 and True differ."""
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in value.items())
    return value if isinstance(value, Node) else (type(value), str(value))
