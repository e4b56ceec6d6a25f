"""Whether the condition of a conditional model is seen in what it generates."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.doctor import examine
from elbowroom.doctor.checks.condition import measure_condition_effects
from tests.doctor.runs import get_finding, make, train


class WithoutCondition(nn.Module):
    """A decoder's network that takes the condition for zeros."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, z, c):
        return self.inner(z, torch.zeros_like(c))


@pytest.mark.parametrize("name", ["cvae", "conv_cvae"])
def test_a_decoder_that_ignores_the_class_is_named(name, digits, tmp_path):
    arguments = {"latent": 20, "likelihood": "bernoulli"} | ({"size": "s"} if name == "conv_cvae" else {})
    arguments["prior"] = "standard"  # a learned one makes the latent follow the class
    model, objective = make(name, **arguments)
    model.decoder.net = WithoutCondition(model.decoder.net)
    run = train(digits, tmp_path / "run", model, objective, steps=3, watch=(), report=False)
    finding = get_finding(examine(run, model=model), "condition ignored")
    assert finding.severity == "warning"
    assert "the class 0.0%" in finding.evidence
    assert "--prior learned" in finding.advice


def test_the_usual_conditional_model_is_not_named(digits, tmp_path):
    run = train(digits, tmp_path / "run", *make("cvae", latent=2), steps=200, watch=(), report=False)
    findings = examine(run)
    assert "condition ignored" in findings.performed_names
    assert "condition ignored" not in {finding.title for finding in findings}
    assert (
        "not conditional"
        in examine(train(digits, tmp_path / "vae", *make(), steps=3)).skip_reasons["condition ignored"]
    )


def test_effects_of_attributes_are_those_of_a_linear_decoder():
    """Where one attribute adds a vector to the output and another nothing, the ratios are known."""
    torch.manual_seed(0)
    decoder = er.Conditional(nn.Linear(5, 8), er.Gaussian(8, 1.0))
    decoder.net.weight.data[:, 4] = 0

    class Joined(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, z, c):
            return self.net(torch.cat((z, c.expand(*z.shape[:-1], 2)), -1))

    decoder.net = Joined(decoder.net)
    encoder = er.Conditional(er.MLP(8, 2, size=6), er.DiagonalNormal(3))
    model = er.Model(encoder, decoder, er.StandardNormal(3), er.LabelEncoder(2))
    batch = er.data.InMemorySplit(torch.randn(50, 8), torch.randint(2, (50, 2)).float()).first(50)
    effects = measure_condition_effects(model, batch, ("first", "second"))
    z = torch.randn(2, 100_000, 3) @ decoder.net.net.weight[:, :3].T
    expected = decoder.net.net.weight[:, 3].norm() / (z[0] - z[1]).norm(dim=1).mean()
    assert effects["second"] == 0
    assert effects["first"] == pytest.approx(expected.item(), rel=0.2)
