"""Traced operations: the same bits, with less to do."""

import pytest
import torch

from elbowroom.training.capture.operations import ATEN, trace


def operations(module):
    return [str(node.target) for node in module.graph.nodes if node.op == "call_function"]


def run_both(function, *inputs):
    """Return the traced function, after comparing it with the function itself on the same random stream."""
    traced = trace(function, *inputs)
    torch.manual_seed(3)
    expected, after = function(*inputs), torch.rand(1)
    torch.manual_seed(3)
    for value, result in zip(expected, traced(*inputs), strict=True):
        assert torch.equal(value, result)
    assert torch.equal(after, torch.rand(1))
    return traced


X = torch.linspace(-2, 2, 6).view(2, 3)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(lambda x: [x.exp().detach() + 1], ["aten.exp.default", "aten.add.Tensor"], id="detach"),
        pytest.param(lambda x: [x.exp() * x.exp()], ["aten.exp.default", "aten.mul.Tensor"], id="equal"),
        pytest.param(lambda x: [x * torch.ones_like(x).div(3)], ["aten.mul.Tensor"], id="shape"),
        pytest.param(lambda x: [x + torch.arange(3) * 2], ["aten.add.Tensor"], id="constant"),
        pytest.param(lambda x: [x @ X.t()], ["aten.mm.default"], id="view of a tensor"),
        pytest.param(lambda x: [(x.exp(), x + 1)[1]], ["aten.add.Tensor"], id="unused"),
        pytest.param(lambda x: [(torch.rand(2), x + 1)[1]], ["aten.rand.default", "aten.add.Tensor"], id="random"),
        pytest.param(
            lambda x: [torch.rand(2) + torch.rand(2)],
            ["aten.rand.default", "aten.rand.default", "aten.add.Tensor"],
            id="two random",
        ),
        pytest.param(
            lambda x: [x.sum(1, keepdim=True) + x.sum(1)[:, None]],
            [
                "aten.sum.dim_IntList",
                "aten.sum.dim_IntList",
                "aten.unsqueeze.default",
                "aten.add.Tensor",
            ],
            id="other argument",
        ),
    ],
)
def test_the_same_bits_with_less_to_do(function, expected):
    found = operations(run_both(function, X.clone()))
    assert [name for name in found if name != "aten.slice.Tensor"] == expected


def test_a_tensor_that_the_function_uses_has_its_value_of_the_run():
    weight = torch.ones(3, 2)
    traced = trace(lambda x: [x @ weight.neg()], X)
    weight.fill_(5)
    assert torch.equal(traced(X)[0], X @ weight.neg())


def test_what_is_written_in_place_is_neither_merged_nor_kept():
    total = torch.zeros(2)

    def function(x):
        total.add_(x.sum(1))
        start = torch.zeros_like(x).add_(1)
        return [start.add_(torch.zeros_like(x).add_(2)), total.clone()]

    traced = trace(function, X)
    total.zero_()
    for n in (1, 2):
        ones, summed = traced(X)
        assert torch.equal(ones, torch.full((2, 3), 3.0))
        assert torch.equal(summed, n * X.sum(1))


def test_batch_normalization_updates_its_statistics_each_time():
    module = torch.nn.BatchNorm1d(3)
    traced = trace(lambda x: [module(x)], X)
    module.reset_running_stats()
    traced(X)
    updated = module.running_mean.clone()
    module.reset_running_stats()
    module(X)
    assert torch.equal(updated, module.running_mean)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [x[x > 0]],
        lambda x: [x.nonzero()],
        lambda x: [x * float(x.sum())],
        lambda x: [x if x.sum() > 0 else -x],
    ],
)
def test_what_depends_on_values_is_refused(function):
    with pytest.raises(RuntimeError):
        trace(function, X.clone())


def test_indices_that_are_numbers_are_no_shapes():
    index = torch.tensor([1, 0, 1])
    assert operations(run_both(lambda x: [x[index]], X.clone())) == [str(ATEN.index.Tensor)]
