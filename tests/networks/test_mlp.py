"""The multilayer perceptron with several inputs."""

import torch

import elbowroom as er


def test_a_networks_first_layer_may_be_taken_apart():
    """Multiplying inputs before broadcasting them gives the same outputs."""
    for hidden in ((8,), ()):
        for activation in ("silu", "gated"):
            net = er.MLP((2, 3), 4, size=5, hidden=hidden, activation=activation)
            x, y = torch.rand(7, 1, 2, 3), torch.rand(3, 4)
            whole = torch.cat((x.flatten(2).expand(7, 3, 6), y.expand(7, 3, 4)), -1)
            torch.testing.assert_close(net(x, y), net.layers(whole))
