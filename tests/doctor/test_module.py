"""Diagnoses of a module of one's own, on trainings of the mistakes that copied scripts have."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import elbowroom as er
from elbowroom.auditor.reparameterization import READINGS, find_reparameterization
from elbowroom.doctor import examine
from elbowroom.doctor.loss_gradients import KL_GRADIENTS, find_loss_form
from tests.doctor.runs import VAEModule, causes, get_finding, train


class Variant(VAEModule):
    """The usual module with another draw of its latents: from the two outputs to z and what is returned."""

    def __init__(self, draw):
        super().__init__(latent=4)
        self.draw = draw

    def forward(self, x):
        h = torch.relu(self.fc1(x.flatten(1)))
        z, a, b = self.draw(self.fc21(h), self.fc22(h))
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), a, b


def draw(mean, log_var, noise=torch.randn_like):
    return mean + torch.exp(0.5 * log_var) * noise(mean)


def kl(mean, log_var, factor=-0.5):
    return factor * torch.sum(1 + log_var - mean**2 - log_var.exp())


def cross_entropy(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1), reduction="sum")


def right(a, b):
    return draw(a, b), a, b


def swap_outputs(a, b):
    return draw(a, b), b, a


def usual_loss(output, x):
    return cross_entropy(output, x) + kl(*output[1:])


#: What the module and the loss do, and the titles of the causes that are found.
MISTAKES = {
    "none": (right, usual_loss, set()),
    "swapped in the loss": (
        right,
        lambda o, x: cross_entropy(o, x) + kl(o[2], o[1]),
        {"KL of other outputs"},
    ),
    "swapped in the module": (swap_outputs, usual_loss, {"KL of other outputs"}),
    "swapped in both": (
        swap_outputs,
        lambda o, x: cross_entropy(o, x) + kl(o[2], o[1]),
        {"outputs in another order"},
    ),
    "uniform noise": (lambda a, b: (draw(a, b, torch.rand_like), a, b), usual_loss, {"uniform noise"}),
    "no noise": (lambda a, b: (a, a, b), usual_loss, {"no noise"}),
    "deviation for variance": (lambda a, b: (draw(a, 2 * b), a, b), usual_loss, {"KL of other outputs"}),
    "deviation returned": (
        lambda a, b: (draw(a, 2 * F.softplus(b).log()), a, F.softplus(b)),
        lambda o, x: cross_entropy(o, x) + kl(o[1], 2 * o[2].log()),
        {"outputs in another order"},
    ),
    "sign": (right, lambda o, x: cross_entropy(o, x) + kl(o[1], o[2], 0.5) / 50, {"KL with the wrong sign"}),
    "without a half": (right, lambda o, x: cross_entropy(o, x) + kl(o[1], o[2], -1.0), {"KL doubled"}),
    "mean for sum": (right, lambda o, x: cross_entropy(o, x) / 64 + kl(*o[1:]), {"reconstruction averaged"}),
    "KL averaged": (
        right,
        lambda o, x: cross_entropy(o, x) + kl(*o[1:]) / 64,
        {"KL out of proportion"},
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_of_copied_scripts_are_told(mistake, digits, tmp_path):
    """After a few steps, with the module and, where that is enough, from the metrics alone."""
    change, loss, expected = MISTAKES[mistake]
    run = train(digits, tmp_path / "run", Variant(change), er.Loss(loss), steps=40, lr=1e-3)
    findings = examine(run, model=Variant(change))
    assert causes(findings) - {"no active unit"} == expected
    assert all(finding.advice for finding in findings)


def test_swapped_outputs_come_before_their_consequences(digits, tmp_path):
    change, loss, _ = MISTAKES["swapped in the module"]
    run = train(digits, tmp_path / "run", Variant(change), er.Loss(loss))
    findings = examine(run, model=Variant(change))
    assert findings[0].title == "KL of other outputs"
    assert "as if the second and third output were (log-variance, mean)" in findings[0].evidence
    assert "KL of the loss is computed as if they were (mean, log-variance)" in findings[0].evidence


@pytest.mark.parametrize("reading", [reading.name for reading in READINGS])
def test_each_reading_of_the_outputs_is_found(reading):
    """By the noise that gives every example the same latent, in training mode too where there is no other noise."""
    found = next(one for one in READINGS if one.name == reading)

    class Module(VAEModule):
        def forward(self, x):
            h = torch.relu(self.fc1(x.flatten(1)))
            a, b = self.fc21(h), self.fc22(h)
            b = F.softplus(b) if reading in ("mean, standard deviation", "mean, variance") else b
            mean, log_var = found.mean(a, b), found.log_var(a, b)
            z = draw(mean, log_var) if self.training else mean
            return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), a, b

    module = Module().eval()
    result = find_reparameterization(module, torch.rand(30, 1, 8, 8))
    assert result.reading is found
    assert not module.training


def test_a_decoder_that_sees_x_has_no_reading():
    class Skip(VAEModule):
        def forward(self, x):
            reconstruction, mu, logvar = super().forward(x)
            return reconstruction * x.flatten(1), mu, logvar

    assert find_reparameterization(Skip(), torch.rand(30, 1, 8, 8)).reading is None


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.name)
@pytest.mark.parametrize("weight", [1.0, -1.0, 0.1])
def test_gradients_of_each_kl_are_those_of_autograd(reading, weight):
    torch.manual_seed(0)
    x = torch.rand(20, 6)
    output = torch.rand(20, 6) * 0.8 + 0.1, torch.rand(20, 3) + 0.2, torch.rand(20, 3) + 0.3

    def loss(output, x):
        mean, log_var = reading.mean(*output[1:]), reading.log_var(*output[1:])
        return 0.5 * F.mse_loss(output[0], x, reduction="sum") + weight * kl(mean, log_var)

    form = find_loss_form(er.Loss(loss), output, x, 0)
    assert reading.name in KL_GRADIENTS
    assert (form.kl_of, form.error) == (reading.name, "squared error")
    assert (form.kl, form.reconstruction) == (pytest.approx(weight, rel=1e-4), pytest.approx(0.5, rel=1e-4))


def test_penalty_that_is_no_kl_is_a_note(digits, tmp_path):
    run = train(digits, tmp_path / "run", Variant(right), er.Loss(
        lambda o, x: cross_entropy(o, x) + (o[1] ** 2).sum() + o[2].abs().sum()), steps=10)  # fmt: skip
    assert get_finding(examine(run, model=Variant(right)), "penalty that is no KL").severity == "note"


def test_modules_of_other_outputs_are_skipped(digits, tmp_path):
    class Alone(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(64, 64)

        def forward(self, x):
            return self.net(x.flatten(1))

    run = train(digits, tmp_path / "run", Alone(), er.Loss(lambda o, x: ((o - x.flatten(1)) ** 2).sum()), steps=5)
    reasons = examine(run, model=Alone()).skip_reasons
    assert "does not return (reconstruction, mu, logvar)" in reasons["uniform noise"]
    assert find_reparameterization(Alone(), torch.rand(9, 1, 8, 8)) is None
