"""The bridge to Pyro: the same bounds for the same noise, training by SVI, poutines."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom import noise

pyro = pytest.importorskip("pyro", reason="pyro-ppl is not installed")
from pyro.infer import SVI, Predictive, Trace_ELBO, TraceMeanField_ELBO  # noqa: E402

from elbowroom.integrations.pyro import PyroDistribution, bridge  # noqa: E402
from tests.tiny_recipes import make_tiny, representative_recipes  # noqa: E402

SHAPE = (1, 8, 8)


class FullNormal(er.Family):
    """A posterior of torch: a normal with full covariance."""

    def __init__(self, latent):
        super().__init__(latent)
        self.size = latent + latent * latent

    def forward(self, phi):
        n = self.shape[0]
        tril = phi[..., n:].unflatten(-1, (n, n)).tril(-1) * 0.1 + torch.eye(n)
        return torch.distributions.MultivariateNormal(phi[..., :n], scale_tril=tril)


def full_covariance():
    encoder = er.Conditional.mlp(SHAPE, FullNormal(3), (32,))
    return er.Model(encoder, er.Conditional.mlp(3, er.Bernoulli(SHAPE), (32,)), er.StandardNormal(3))


def mixture():
    model, _ = er.recipes.vae(SHAPE, latent=3, hidden=(32,))
    model.prior = er.Mixture(3, components=4)
    return model


MODELS = {
    "vae": lambda: er.recipes.vae(SHAPE, latent=3, hidden=(32,))[0],
    "gaussian": lambda: er.recipes.vae(SHAPE, latent=3, hidden=(32,), likelihood="gaussian")[0],
    "continuous-bernoulli": lambda: er.recipes.vae(SHAPE, latent=3, hidden=(32,), likelihood="continuous-bernoulli")[0],
    "categorical": lambda: er.recipes.vae(SHAPE, latent=3, hidden=(32,), likelihood="categorical")[0],
    "vamp": lambda: er.recipes.vamp_vae(SHAPE, latent=3, hidden=(32,), components=7)[0],
    "mixture": mixture,
    "full covariance": full_covariance,
    "conditional": lambda: er.recipes.cvae(SHAPE, latent=3, hidden=(32,))[0],
    "conditional prior": lambda: er.recipes.cvae(SHAPE, latent=3, hidden=(32,), prior="learned")[0],
}


@pytest.fixture(params=list(MODELS))
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]().eval()


@pytest.fixture
def batch(digits):
    batch = digits.test.first(40)
    return batch.x.round(), batch.y


def test_for_the_same_noise_the_bound_is_the_same(model, batch):
    """The weights of our draw and Pyro's loss, with the noise of an evaluation."""
    x, c = batch
    p, q = bridge(model)
    torch.manual_seed(7)
    with noise.keyed_noise(3, torch.arange(len(x))):
        draw = model.draw(x, c)
    torch.manual_seed(7)
    with noise.keyed_noise(3, torch.arange(len(x))):
        loss = SVI(p, q, pyro.optim.Adam({}), Trace_ELBO()).evaluate_loss(x, c)
    assert loss == pytest.approx(-draw.log_w.sum().item(), rel=1e-5)


@pytest.mark.parametrize("name", representative_recipes())
def test_every_recipe_has_a_bridge_or_says_why_not(name, batch):
    (x, c), model = batch, make_tiny(name)[0].eval()
    if not isinstance(model, er.Model) or model.no_density_reason or model.is_quantized:
        with pytest.raises(
            ValueError, match=r"no model with one latent|(implicit|a point) posterior|a quantized latent"
        ):
            bridge(model)
        return
    p, q = bridge(model)
    with noise.keyed_noise(0, torch.arange(len(x))):
        draw = model.draw(x, c)
    with noise.keyed_noise(0, torch.arange(len(x))):
        assert Trace_ELBO().loss(p, q, x, c) == pytest.approx(-draw.log_w.sum().item(), rel=1e-5)


def test_for_the_same_latents_every_site_has_our_log_density(model, batch):
    """The latents of our draw are put into both of Pyro's programs."""
    x, c = batch
    p, q = bridge(model)
    draw = model.draw(x, c)
    z = draw.z[0].detach()
    traces = [pyro.poutine.trace(pyro.poutine.condition(one, data={"z": z})).get_trace(x, c) for one in (p, q)]
    for trace in traces:
        trace.compute_log_prob()
    joint, guide = (trace.nodes for trace in traces)
    for site, ours in ((joint["x"], draw.log_px), (joint["z"], draw.log_pz), (guide["z"], draw.log_qz)):
        torch.testing.assert_close(site["log_prob"], ours[0], rtol=1e-5, atol=1e-4)
    replayed = pyro.poutine.trace(pyro.poutine.replay(p, trace=pyro.poutine.trace(q).get_trace(x, c)))
    assert replayed.get_trace(x, c).nodes["z"]["value"].shape == z.shape


@pytest.mark.parametrize("name", ["vae", "vamp", "mixture", "conditional prior"])
def test_evaluate_loss_agrees_with_our_evaluation_within_its_error(name, digits):
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    data = er.load_data((digits.test.x, digits.test.y), validation=0, test=0, binarize="threshold")
    x, c = (batch := data.train.first(400)).x, batch.y
    elbo = er.evaluate(model, data, samples=200, split="train")["elbo"].value
    p, q = bridge(model)
    svi = SVI(p, q, pyro.optim.Adam({}), Trace_ELBO(num_particles=20, vectorize_particles=True))
    pyro.set_rng_seed(1)
    draws = torch.tensor([-svi.evaluate_loss(x, c) / len(x) for _ in range(12)])
    error = (draws.std() / math.sqrt(len(draws))).item()
    assert 0 < error < 0.1
    assert draws.mean().item() == pytest.approx(elbo, abs=4 * error + 0.01)


@pytest.mark.parametrize("name", ["vae", "conditional prior"])
def test_the_mean_field_bound_is_our_elbo(name, batch):
    """Both take the KL in closed form, so with the same noise they are equal."""
    torch.manual_seed(0)
    model, (x, c) = MODELS[name]().eval(), batch
    p, q = bridge(model)
    torch.manual_seed(2)
    draw = model.draw(x, c, k=5)
    torch.manual_seed(2)
    many = TraceMeanField_ELBO(num_particles=5, vectorize_particles=True, max_plate_nesting=1)
    assert many.loss(p, q, x, c) == pytest.approx(-draw.elbo.sum().item(), rel=1e-5)


def test_svi_trains_the_model_itself(model, batch):
    x, c = batch
    model.train()
    p, q = bridge(model)
    svi = SVI(p, q, pyro.optim.Adam({"lr": 3e-3}), Trace_ELBO())
    before = {name: t.detach().clone() for name, t in model.named_parameters()}
    pyro.set_rng_seed(0)
    first = [svi.step(x, c) / len(x) for _ in range(5)]
    last = [svi.step(x, c) / len(x) for _ in range(60)][-5:]
    assert sum(last) < sum(first) - 5
    unchanged = [name for name, t in model.named_parameters() if torch.equal(t, before[name])]
    assert unchanged == []


def test_gradients_are_those_of_our_objective(batch):
    torch.manual_seed(0)
    model, objective = er.recipes.vae(SHAPE, latent=3, hidden=(32,))
    x, _ = batch
    p, q = bridge(model)
    torch.manual_seed(4)
    objective(model.draw(x), torch.tensor(0)).backward()
    ours = [t.grad.clone() for t in model.parameters()]
    model.zero_grad()
    torch.manual_seed(4)
    TraceMeanField_ELBO().differentiable_loss(p, q, x).div(len(x)).backward()
    for mine, theirs in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(theirs.grad, mine, rtol=1e-4, atol=1e-6)


def test_two_models_do_not_share_the_parameter_store(batch):
    """Under one name the second would silently train the parameters of the first."""
    x, _ = batch
    for _ in range(2):
        model, _ = er.recipes.vae(SHAPE, latent=2, hidden=(16,))
        before = model.decoder.net.layers[-1].bias.detach().clone()
        p, q = bridge(model)
        SVI(p, q, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO()).step(x)
        assert not torch.equal(model.decoder.net.layers[-1].bias, before)


def test_the_model_can_be_sampled_from(model, batch):
    x, c = batch
    p, q = bridge(model)
    drawn = Predictive(pyro.poutine.uncondition(p), num_samples=3)(x, c)
    assert drawn["x"].shape == (3, *x.shape)
    assert drawn["z"].shape == (3, len(x), 3)
    posterior = Predictive(q, num_samples=4)(x, c)
    assert posterior["z"].shape == (4, len(x), 3)


def test_a_plate_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"batch of \[3\] cannot stand in a plate of \[5\]"):
        PyroDistribution(er.distributions.Normal(torch.zeros(3, 2), torch.zeros(3, 2))).expand((5,))


class OwnEncoder(torch.nn.Module):
    """An encoder whose posterior is a point, though its family is not."""

    family = er.DiagonalNormal(2)

    def forward(self, x):
        return er.distributions.Delta(x.flatten(1)[:, :2])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: er.recipes.ladder_vae(SHAPE, latent=(4, 2), hidden=(16, 16))[0], "Ladder is no model with one latent"),
        (lambda: er.recipes.vq_vae(SHAPE, latent=4, codes=8, dim=2)[0], "a quantized latent is not sampled"),
        (lambda: er.recipes.autoencoder(SHAPE, latent=4)[0], "a point posterior has no density"),
        (lambda: torch.nn.Linear(2, 2), "Linear is no model with one latent"),
        (
            lambda: er.Model(
                er.Conditional.mlp(SHAPE, er.DiagonalNormal(2)), er.Conditional.mlp(2, er.Bernoulli(SHAPE)), None
            ),
            "no prior for z",
        ),
    ],
)
def test_a_model_without_bridge_is_refused(make, words):
    with pytest.raises(ValueError, match=words) as error:
        bridge(make())
    assert "\n" not in str(error.value)


def test_a_point_posterior_is_refused_when_it_is_called(batch):
    model = er.Model(OwnEncoder(), er.Conditional.mlp(2, er.Bernoulli(SHAPE)), er.StandardNormal(2))
    _, q = bridge(model)
    with pytest.raises(ValueError, match="a point posterior has no density"):
        q(batch[0])


def test_a_conditional_model_needs_labels(batch):
    p, q = bridge(MODELS["conditional"]())
    with pytest.raises(ValueError, match="this model is conditional: give it labels"):
        Trace_ELBO().loss(p, q, batch[0])
