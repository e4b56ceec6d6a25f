"""A VAE module of one's own as a model of the package."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import noise
from elbowroom.auditor.isolation import zero_rng
from elbowroom.models.adapter import AdaptedModule, adapt
from elbowroom.plotting import PLOTS, plot
from elbowroom.reporting import write_report


class Own(nn.Module):
    """A VAE that draws its latent by ``torch.randn_like``."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 6), nn.Sequential(nn.Linear(3, 64), nn.Sigmoid())

    def forward(self, x):
        mu, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
        return self.output(self.draw(mu, torch.exp(0.5 * logvar)), x), mu, logvar

    def draw(self, mu, sd):
        return mu + sd * torch.randn_like(mu)

    def output(self, z, x):
        return self.decoder(z)


class ByDistribution(Own):
    def draw(self, mu, sd):
        return torch.distributions.Normal(mu, sd).rsample()


class OldStyle(Own):
    def draw(self, mu, sd):
        return sd.data.new(sd.size()).normal_() * sd + mu


class WithDecode(Own):
    def decode(self, z):
        return self.decoder(z)


class Unbounded(Own):
    def output(self, z, x):
        return self.decoder[0](z)


class PassesBy(Own):
    def output(self, z, x):
        return self.decoder(z) * x.flatten(1)


def own_loss(output, x):
    x_hat, mu, logvar = output
    bce = nn.functional.binary_cross_entropy(x_hat, x.flatten(1), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


@pytest.mark.parametrize("module_class", [Own, ByDistribution, OldStyle, WithDecode, Unbounded])
def test_the_latents_of_a_module_are_decoded(module_class):
    module = module_class()
    model, z, x = adapt(module, (1, 8, 8)), torch.randn(5, 3), torch.rand(5, 1, 8, 8)
    assert torch.allclose(model.decode(z).mean, module.output(z, x).reshape(x.shape), atol=1e-5)
    with torch.no_grad(), zero_rng():
        assert torch.allclose(model.reconstruct(x), module(x)[0].reshape(x.shape), atol=1e-5)
    assert torch.equal(model.encode(x), module(x)[1])
    assert model.sample(4).shape == (4, 1, 8, 8)


def test_the_bound_of_a_module_is_that_of_the_same_recipe():
    module, x = Own(), torch.rand(5, 1, 8, 8)
    with noise.keyed_noise(0, torch.arange(5)):
        draw = adapt(module, (1, 8, 8)).draw(x, k=3)
    mu, logvar = module(x)[1:]
    assert torch.allclose(draw.kl, -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1), atol=1e-5)
    x_hat = module.output(draw.z, x)
    bce = nn.functional.binary_cross_entropy(x_hat, x.flatten(1).expand(3, 5, 64), reduction="none").sum(-1)
    assert torch.allclose(draw.log_px, -bce, atol=1e-3)
    assert draw.log_w.shape == (3, 5)


def test_gradients_reach_latents_through_the_noise():
    z = torch.zeros(2, 3, requires_grad=True)
    adapt(Own(), (1, 8, 8)).decode(z).mean.sum().backward()
    assert z.grad.abs().sum() > 0


def test_what_a_module_does_not_show_is_said():
    with pytest.raises(ValueError, match=r"does not return \(reconstruction, mu, logvar\)"):
        adapt(nn.Sequential(nn.Flatten(), nn.Linear(64, 64)), (1, 8, 8))
    with pytest.raises(ValueError, match=r"does not return .*shapes cannot be multiplied"):
        adapt(Own(), (1, 9, 9))
    passing = adapt(PassesBy(), (1, 8, 8))
    assert passing.encode(torch.rand(2, 1, 8, 8)).shape == (2, 3)
    with pytest.raises(ValueError, match=r"give it a method decode\(z\)"):
        passing.sample(2)


def test_a_module_is_left_as_it_was():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), Own()).train()
    state = torch.random.get_rng_state()
    model = adapt(module, (1, 8, 8))
    assert all(part.training for part in (module, module[1], model))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.fixture(scope="module")
def own_run(digits, tmp_path_factory):
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("own") / "run"
    return er.fit(Own(), er.Loss(own_loss), digits, epochs=1, batch_size=256, out=out, device="cpu")


def test_a_run_has_the_module_that_was_trained_in_this_process(own_run, digits):
    assert isinstance(own_run.model(), AdaptedModule)
    elbo = er.evaluate(own_run, samples=2)["elbo"].value
    assert elbo == pytest.approx(-own_run.metrics("test")[-1]["loss"], abs=0.5)
    assert er.evaluate(own_run.path, samples=2, model=Own(), save=False)["elbo"].value == elbo
    with pytest.raises(ValueError, match="a model that no recipe made: in Python, build it as then and pass it"):
        er.evaluate(own_run.path)


@pytest.mark.parametrize("given", ["in the process", "from its directory"])
def test_every_figure_score_and_page_of_a_module(own_run, digits, given, tmp_path):
    run, model = (own_run, None) if given == "in the process" else (er.Run(own_run.path), Own())
    for kind in ("reconstructions", "samples", "latents", "traversals", "kl"):
        assert kind in PLOTS
        plot(kind, run, model=model, examples=20)
    page = write_report(run, model=model, out=tmp_path / "report.html", examples=20).read_text()
    assert "module of your own" not in page
    assert len(er.anomaly_scores(run.model(model), digits.test.x[:3], "elbo", normal=digits)) == 3
    assert er.audit(run, model=model).passed
    assert er.doctor.examine(run, model=model).performed_names


def test_images_of_each_epoch_show_a_module(own_run):
    names = {file.name for file in own_run.images.iterdir()}
    assert {"reconstructions-0001.png", "samples-0001.png"} <= names
