"""The auditor: no alarm on what is shipped, and every planted fault found."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import elbowroom as er
from elbowroom.auditor import CHECKS, audit
from elbowroom.auditor.exact import exact_log_px
from elbowroom.auditor.isolation import per_example_rng, zero_rng
from elbowroom.auditor.quadrature import (
    NotFactorizedError,
    UnboundedDensityError,
    discrete_space,
    enumerate_points,
    log_total,
    real_line,
    unit_interval,
)
from elbowroom.distributions import Normal
from elbowroom.recipes import RECIPES

BATCH, ORDER, COMPANY, MODE, NOTHING, GIVEN, ALL, WEIGHT, BOUND, LEAK = CHECKS
#: Smaller than the papers', where those are large for a test; of one dimension, so that log p(x) itself is known.
SMALL = {
    "factor_vae": {"critic": (32, 32)},
    "vamp_vae": {"components": 20},
    "iwae": {"k": 5},
    "vq_vae": {"codes": 32},
    "ladder_vae": {"latent": (3, 2), "hidden": (16, 16)},
}


@pytest.fixture(scope="module")
def bits():
    return er.load_data("digits", binarize="threshold")


def make(name="vae", shape=(1, 8, 8), **more):
    torch.manual_seed(0)
    usual = {key: value for key, value in (("latent", 1), ("hidden", (16,))) if key in RECIPES[name].arguments}
    return RECIPES[name](shape, **usual | SMALL.get(name, {}) | more)


def faults(page):
    return {outcome.name for outcome in page if outcome.passed is False}


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize("steps", [0, pytest.param(40, marks=pytest.mark.slow)])
def test_no_alarm_on_any_recipe(name, steps, bits, tmp_path):
    """Of fresh weights all of them, of trained ones with --slow."""
    model, objective = make(name)
    if steps:
        er.fit(model, objective, bits, steps=steps, out=tmp_path / "run", device="cpu", watch=())
    page = audit(model, bits)
    assert page.passed, page
    for check in (BATCH, ORDER, COMPANY, MODE, NOTHING, GIVEN, LEAK):
        assert page[check].passed, page[check]


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian:0.01", "laplace", "continuous-bernoulli", "categorical",
                                        "discretised-logistic", "diagonal-normal", "gaussian:optimal"])  # fmt: skip
def test_every_likelihood_is_one(likelihood):
    page = audit(make(shape=(2, 3, 3), likelihood=likelihood)[0])
    assert page.passed, page
    assert page[GIVEN].passed, page[GIVEN]


def test_grey_values_under_a_bernoulli_are_said_to_be_none(digits):
    found = audit(make()[0], digits)[GIVEN]
    assert found.passed is None
    assert "is a likelihood of bits, and the data is grey" in found.evidence


def test_the_page_as_a_table_as_json_and_as_text(bits):
    model, _ = make()
    page = er.audit(model, bits)
    told = json.loads(page.json())
    assert told["subject"] == "recipe vae"
    assert told["passed"] is True
    assert [check["name"] for check in told["checks"]] == list(CHECKS)
    assert page.table().row_count == len(CHECKS)
    assert str(page).count("\n") == len(CHECKS)
    assert all(check.description.endswith(".") for check in CHECKS.values())


def test_the_model_is_left_as_it_was(bits):
    model, _ = make("vq_vae", likelihood="gaussian:optimal")
    before = {name: t.clone() for name, t in model.state_dict().items()}
    stream = torch.get_rng_state()
    er.audit(model, bits)
    assert model.training
    assert torch.equal(torch.get_rng_state(), stream)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_a_run_is_audited_on_its_test_split(bits, tmp_path):
    run = er.fit(*make(), bits, steps=5, out=tmp_path / "run", device="cpu")
    page = er.audit(run)
    assert page.passed
    assert page.subject == str(run.path)
    assert list(page) == list(er.audit(str(run.path)))


# Anybody's module


class Own(nn.Module):
    """The example that everybody copies, with a place for a layer more."""

    def __init__(self, size=64, latent=1, more=nn.Identity):
        super().__init__()
        torch.manual_seed(0)
        self.inside = nn.Sequential(nn.Linear(size, 16), more(16), nn.ReLU())
        self.mu, self.logvar = nn.Linear(16, latent), nn.Linear(16, latent)
        self.outside = nn.Sequential(nn.Linear(latent, 16), more(16), nn.ReLU(), nn.Linear(16, size))

    def encode(self, x):
        h = self.inside(x.flatten(1))
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return torch.sigmoid(self.outside(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


class Dropout(nn.Dropout):
    def __init__(self, size):
        super().__init__(0.4)


def of(bits, n=13):
    return bits.test.first(n).x


def weights(module, x, k):
    """The log of k importance weights of the classic, (k, B)."""
    mu, logvar = module.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(k, *mu.shape)
    p = module.decode(z)
    log_px = (x.flatten(1) * p.log() + (1 - x.flatten(1)) * (1 - p).log()).sum(-1)
    log_pz, log_qz = Normal(0 * mu, 0 * mu).log_prob(z), Normal(mu, logvar).log_prob(z)
    return log_px, log_pz, log_qz


def importance(module, x, k):
    log_px, log_pz, log_qz = weights(module, x, k)
    return (log_px + log_pz - log_qz).logsumexp(0) - math.log(k)


def bernoulli(module, x, z):
    return -F.binary_cross_entropy(module.decode(z), x.flatten(1), reduction="none").sum(1)


def test_a_sound_module_passes(bits):
    page = audit(Own(), of(bits))
    assert page.passed, page
    assert page[GIVEN].passed
    assert page[LEAK].passed
    assert page[BOUND].passed
    assert "a grid over the code" in page[BOUND].evidence
    page = audit(Own(), of(bits), log_likelihood=importance)
    assert page.passed, page
    assert page[BOUND].passed


@pytest.mark.parametrize("layer", [nn.BatchNorm1d, Dropout])
def test_training_mode_is_found(layer, bits):
    module = Own(more=layer)
    page = audit(module, of(bits))
    assert MODE in faults(page)
    assert "call .eval() before it is judged" in page[MODE].evidence
    assert faults(audit(module.eval(), of(bits))) == set()


def test_batch_statistics_are_the_known_case(bits):
    page = audit(Own(more=nn.BatchNorm1d), of(bits))
    assert {BATCH, COMPANY, MODE, NOTHING, LEAK} <= faults(page)
    assert "a batch of one example cannot be scored" in page[BATCH].evidence
    assert "follows the codes of the other examples" in page[LEAK].evidence


def test_a_function_that_leaves_evaluation_mode_is_found(bits):
    def careless(module, x):
        module.train()
        return importance(module, x, 8)

    page = audit(Own(more=Dropout).eval(), of(bits), log_likelihood=careless)
    assert "leaves evaluation mode" in page[MODE].evidence
    assert MODE in faults(page)


def test_values_that_follow_the_batch_are_found(bits):
    def averaged_kl(module, x):
        again, mu, logvar = module(x)
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        return -F.binary_cross_entropy(again, x.flatten(1), reduction="none").sum(1) - kl.mean()

    def running(module, x):
        return importance(module, x, 4).cumsum(0) / (torch.arange(len(x)) + 1)

    assert {BATCH, COMPANY} <= faults(audit(Own(), of(bits), log_likelihood=averaged_kl))
    assert {ORDER, BATCH} <= faults(audit(Own(), of(bits), log_likelihood=running))


def test_a_look_that_changes_what_it_sees_is_found(bits):
    class Follows(Own):
        def __init__(self):
            super().__init__()
            self.register_buffer("centre", torch.zeros(64))

        def encode(self, x):
            self.centre.lerp_(x.flatten(1).mean(0), 0.1)
            return super().encode(x - self.centre.view(1, 8, 8))

    page = audit(Follows().eval(), of(bits))
    assert "changed centre" in page[NOTHING].evidence
    assert page[NOTHING].passed is False


def test_a_decoder_that_remembers_x_is_found(bits):
    class Remembers(Own):
        def encode(self, x):
            self.seen = x.flatten(1)
            return super().encode(x)

        def decode(self, z):
            again = super().decode(z)
            return 0.5 * again + 0.5 * self.seen if self.seen.shape == again.shape else again

    page = audit(Remembers(), of(bits))
    assert "follows the x that was encoded before" in page[LEAK].evidence
    assert page[LEAK].passed is False


def test_a_way_around_the_code_is_found(bits):
    class Skips(Own):
        def forward(self, x):
            again, mu, logvar = super().forward(x)
            return 0.5 * again + 0.5 * x.flatten(1), mu, logvar

    page = audit(Skips(), of(bits))
    assert "forward's reconstruction is not decode(mu)" in page[LEAK].evidence
    # It also gives x more than there is to give.
    assert page[BOUND].passed is False


def test_what_is_no_likelihood_is_found(digits, bits):
    grey, black = of(digits), of(bits)
    page = audit(Own(), grey)
    assert page[GIVEN].passed is False
    assert "the values between 0 and 1 add up to e^-" in page[GIVEN].evidence
    assert audit(Own(), black)[GIVEN].passed

    def squares(module, x, z):
        return -(module.decode(z) - x.flatten(1)).square().sum(1)

    def gaussian(module, x, z):
        return torch.distributions.Normal(module.decode(z), 0.5).log_prob(x.flatten(1)).sum(1)

    page = audit(Own(), grey, log_likelihood=importance, log_px=squares)
    # Each value gives the root of pi.
    assert "all numbers add up to e^36.6, 1.77 for each of 64" in page[GIVEN].evidence
    assert page[GIVEN].passed is False
    assert audit(Own(), grey, log_likelihood=importance, log_px=gaussian)[GIVEN].passed


def largest(module, x, k):
    log_px, log_pz, log_qz = weights(module, x, k)
    return (log_px + log_pz - log_qz).amax(0)


def without_q(module, x, k):
    log_px, log_pz, _ = weights(module, x, k)
    return (log_px + log_pz).logsumexp(0) - math.log(k)


def summed(module, x, k):
    log_px, log_pz, log_qz = weights(module, x, k)
    return (log_px + log_pz - log_qz).logsumexp(0)


def averaged(module, x, k):
    return importance(module, x, k) / x[0].numel()


@pytest.mark.parametrize("fault", [largest, summed])
def test_bounds_that_are_no_log_of_a_mean_are_found(fault, bits):
    page = audit(Own(latent=5), of(bits), log_likelihood=fault)
    assert page[BOUND].passed is False
    assert "the log of the mean of" in page[BOUND].evidence


def test_a_weight_without_its_density_is_found(bits):
    """Once it has learned, the posterior's density is above one, and without dividing by it p(x) is passed."""
    x = F.interpolate(bits.train.first(300).x, scale_factor=3)
    module = Own(x[0].numel(), latent=1)
    descent = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(150):
        descent.zero_grad()
        (-importance(module, x, 1).mean()).backward()
        descent.step()
    page = audit(module, x, log_likelihood=without_q, log_px=bernoulli)
    assert page[BOUND].passed is False
    assert "and log p(x) is" in page[BOUND].evidence
    page = audit(module, x, log_likelihood=importance, log_px=bernoulli)
    assert page.passed, page
    assert "nats below log p(x) on average (a grid over the code" in page[BOUND].evidence


@pytest.mark.parametrize(("fault", "check"), [(largest, BOUND), (summed, ALL), (averaged, ALL)])
def test_all_x_there_are_add_up_to_one(fault, check):
    x = torch.randint(2, (13, 6), generator=torch.Generator().manual_seed(0)).float()
    sound = audit(Own(size=6), x, log_likelihood=importance)
    assert sound[ALL].passed
    assert "the 64 x there are add up to 1.0" in sound[ALL].evidence or "0.99" in sound[ALL].evidence
    assert audit(Own(size=6), x, log_likelihood=fault)[check].passed is False


def test_what_is_no_number_is_a_fault(bits):
    page = audit(Own(), of(bits), log_likelihood=lambda module, x: module(x)[0].sum(1) * math.nan)
    assert "is given nan nats" in page[BATCH].evidence
    assert {BATCH, ORDER, COMPANY, MODE, NOTHING} <= faults(page)


def test_what_cannot_be_known_is_asked_for(digits):
    class Other(Own):
        def forward(self, x):
            return {"x": super().forward(x)[0]}

    with pytest.raises(ValueError, match=r"does not return \(reconstruction, mu, logvar\).*give log_likelihood="):
        audit(Other(), of(digits))
    with pytest.raises(ValueError, match="Own was given without data: pass examples"):
        audit(Own())
    with pytest.raises(ValueError, match=r"log_likelihood returned \(\) for 13 examples: expected one value for each"):
        audit(Own(), of(digits), log_likelihood=lambda module, x: importance(module, x, 2).mean())


# Models of ours


class Faulty(er.Model):
    """A model whose draw is changed on its way out."""

    def draw(self, x, c=None, k=1):
        return self.changed(super().draw(x, c, k))


def faulty(change, latent=2, decoder=None):
    torch.manual_seed(0)
    encoder = er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(latent), (16,))
    decoder = decoder or er.Conditional.mlp(latent, er.Bernoulli((1, 8, 8)), (16,))
    model = Faulty(encoder, decoder, er.StandardNormal(latent))
    model.changed = change
    return model


def no_q(draw):
    draw.log_w = draw.log_px + draw.log_pz
    return draw


def half_kl(draw):
    draw.latents[0].q.loc[..., 0] += 2
    draw.latents[0].z[..., 0] += 2
    draw.kl = 0.5 * draw.kl
    return draw


def redrawn(z):
    """A draw whose codes are not those of its q."""

    def change(draw):
        latent = draw.latents[0]
        latent.z = z(latent)
        return draw

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_q, "nats from log p"),
        (half_kl, "the KL of example"),
        # The variance for the standard deviation, and uniform numbers for normal ones.
        (redrawn(lambda latent: latent.q.loc + (latent.z - latent.q.loc) * latent.q.variance.sqrt() * 0.5), "variance"),
        (redrawn(lambda latent: latent.q.loc + torch.special.ndtr(latent.z - latent.q.loc) - 0.5), "variance"),
        (redrawn(lambda latent: latent.z + 0.5), "mean"),
    ],
)
def test_draws_that_are_not_what_they_say_are_found(change, words, bits):
    page = audit(faulty(change), bits)
    assert page[WEIGHT].passed is False
    assert words in page[WEIGHT].evidence


class Hears(nn.Module):
    """An encoder that leaves x where the decoder finds it."""

    def __init__(self, inner, ear):
        super().__init__()
        self.inner, self.family, self.ear = inner, inner.family, ear

    def forward(self, x):
        self.ear.heard = x
        return self.inner(x)


class Ear(er.Conditional):
    heard = None

    def forward(self, z):
        logits = self.net(z)
        heard = self.heard is not None and self.heard.shape[0] == logits.shape[-2]
        return self.family(logits + 4 * self.heard.flatten(1) - 2 if heard else logits)


def test_a_decoder_of_ours_that_hears_x_is_found(bits):
    torch.manual_seed(0)
    decoder = Ear(er.MLP(2, size=64, hidden=(16,)), er.Bernoulli((1, 8, 8)))
    encoder = Hears(er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(2), (16,)), decoder)
    page = audit(er.Model(encoder, decoder, er.StandardNormal(2)), bits)
    assert page[LEAK].passed is False
    assert "with z held, p(x|z) follows the x that was encoded" in page[LEAK].evidence


def test_a_prior_that_hears_x_is_found(bits):
    def follows(draw):
        draw.latents[0].prior = Normal(draw.q.loc, draw.q.log_var)
        return draw

    page = audit(faulty(follows), bits)
    assert "p(z) follows the x that was encoded" in page[LEAK].evidence
    assert page[LEAK].passed is False


def test_batch_norm_of_ours_is_judged_at_rest(bits):
    torch.manual_seed(0)

    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm, self.last = nn.Linear(2, 16), nn.BatchNorm1d(16), nn.Linear(16, 64)

        def forward(self, z):
            h = self.first(z)
            return self.last(self.norm(h.flatten(0, -2)).reshape(h.shape).relu())

    decoder = er.Conditional(Normed(), er.Bernoulli((1, 8, 8)))
    model = faulty(lambda draw: draw, decoder=decoder)
    page = audit(model, bits)
    assert page.passed, page
    assert "in training mode it would follow them by" in page[LEAK].evidence


class Squares(er.Family):
    """Minus the squared error, called a density."""

    def __init__(self, shape):
        super().__init__(shape)

    def forward(self, phi):
        return Square(phi.unflatten(-1, self.shape), torch.zeros(()), len(self.shape))


class Square(Normal):
    def log_prob(self, value):
        return -(value - self.loc).square().sum(self._dims)


def test_a_family_that_is_no_density_is_found(digits):
    decoder = er.Conditional.mlp(2, Squares((1, 8, 8)), (16,))
    page = audit(faulty(lambda draw: draw, decoder=decoder), digits)
    assert page[GIVEN].passed is False
    assert "1.77 for each of 64" in page[GIVEN].evidence


def test_a_function_may_report_of_a_model_of_ours(bits):
    def mine(model, x, k):
        return model.draw(x, k=k).log_w.logsumexp(0) - math.log(k)

    model = make()[0]
    assert audit(model, bits, log_likelihood=mine).passed
    page = audit(model, bits, log_likelihood=lambda model, x, k: model.draw(x, k=k).log_w.amax(0))
    assert faults(page) == {BOUND}


# The instruments


def test_the_exact_value_of_a_linear_gaussian_model_is_the_gaussians():
    """Two ways to the same log p(x): the formula, and a grid over the code."""
    torch.manual_seed(0)
    from elbowroom.auditor.claim import build_claim

    decoder = er.Conditional(nn.Linear(2, 5), er.Gaussian(5, 0.5))
    model = er.Model(er.Conditional.mlp(5, er.DiagonalNormal(2)), decoder, er.StandardNormal(2))
    x = torch.randn(6, 5)
    formula, how = exact_log_px(build_claim(model, x, None, None, None), torch.arange(6))
    assert how == "the model is linear and Gaussian"
    other = er.Mixture(2, components=1)
    with torch.no_grad():
        other.loc.zero_()
    grid, how = exact_log_px(build_claim(er.Model(model.encoder, decoder, other), x, None, None, None), torch.arange(6))
    assert how == "a grid over the code"
    torch.testing.assert_close(grid, formula, atol=1e-3, rtol=0)


def test_totals_over_every_space():
    torch.manual_seed(0)
    mu = torch.rand(40).double()
    narrow, wide = torch.distributions.Normal(mu, 1e-3), torch.distributions.StudentT(2.5, mu, 0.3)
    for p in (narrow, wide, torch.distributions.Laplace(mu, 3.0)):
        total, error = log_total(lambda x, p=p: p.log_prob(x).sum(1), torch.rand(40).double(), real_line())
        assert abs(total) < 0.01
        assert error == 0
    logits = 10 * torch.randn(40).double()
    sharp = er.distributions.PixelContinuousBernoulli(logits)
    assert abs(log_total(lambda x: sharp.log_prob(x).sum(1), torch.rand(40).double(), unit_interval())[0]) < 1e-3
    flat = log_total(lambda x: torch.zeros(len(x)).double(), torch.zeros(40).double(), discrete_space(256))[0]
    assert flat == pytest.approx(40 * math.log(256), abs=1e-3)
    with pytest.raises(UnboundedDensityError, match="grows without end along 40 of 40"):
        log_total(lambda x: (x * logits).sum(1), torch.rand(40).double(), real_line())
    with pytest.raises(NotFactorizedError):
        log_total(lambda x: -((x[:, 1:] - x[:, :-1]) ** 2).sum(1), torch.rand(40).double(), real_line())
    assert enumerate_points(3, 2).shape == (8, 3)
    assert enumerate_points(13, 2) is None


def test_where_there_are_too_many_elements_some_stand_for_all(monkeypatch):
    from elbowroom.auditor import quadrature

    monkeypatch.setattr(quadrature, "MAX_POINTS", 200)
    logits = torch.randn(2000).double()
    coins = torch.distributions.Bernoulli(logits=logits)
    total, error = log_total(lambda x: coins.log_prob(x).sum(1), torch.zeros(2000).double(), discrete_space(2))
    assert error > 0
    assert abs(total) < 5 * error


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: torch.randn_like(x),
        lambda x: torch.distributions.Normal(x, x + 1).rsample(),
        lambda x: F.dropout(x + 1, 0.5, True),
        lambda x: F.gumbel_softmax(x),
        lambda x: torch.bernoulli(x),
        lambda x: torch.distributions.Categorical(logits=x).sample()[:, None],
    ],
)
def test_an_example_has_its_own_numbers_wherever_it_stands(draw):
    x = torch.rand(7, 3)
    with per_example_rng(torch.arange(7), 5) as dice:
        together = draw(x)
    with per_example_rng(torch.tensor([6, 2]), 5):
        apart = draw(x[[6, 2]])
    assert torch.equal(together[[6, 2]], apart)
    assert not dice.unhandled_calls
    with zero_rng():
        assert torch.equal(draw(x), draw(x))


def test_numbers_have_the_distribution_that_was_asked_for():
    rows = torch.arange(40_000)
    with per_example_rng(rows, 1):
        normal, uniform = torch.normal(3.0, 2.0, (40_000,)), torch.empty(40_000).uniform_(2, 4)
        coin, wait = torch.bernoulli(torch.full((40_000,), 0.3)), torch.empty(40_000).exponential_(2.0)
        choice = torch.multinomial(torch.tensor([1.0, 2.0, 1.0]).expand(40_000, 3), 1)
    assert normal.mean() == pytest.approx(3, abs=0.05)
    assert normal.std() == pytest.approx(2, abs=0.05)
    assert uniform.mean() == pytest.approx(3, abs=0.02)
    assert coin.mean() == pytest.approx(0.3, abs=0.01)
    assert wait.mean() == pytest.approx(0.5, abs=0.01)
    assert (choice == 1).float().mean() == pytest.approx(0.5, abs=0.01)


def test_a_draw_that_cannot_be_answered_is_named(bits):
    class Gamma(Own):
        def forward(self, x):
            mu, logvar = self.encode(x)
            return self.decode(mu * torch.distributions.Gamma(torch.ones_like(mu), 1.0).rsample()), mu, logvar

    found = audit(Gamma(), of(bits))[BATCH]
    assert found.passed is None
    assert "it draws with _standard_gamma" in found.evidence


def test_a_rejection_sampler_does_not_wait_for_ever(bits):
    class Rejects(Own):
        def forward(self, x):
            mu, logvar = self.encode(x)
            while torch.rand(()) > 0.4:
                pass
            return self.decode(mu), mu, logvar

    found = audit(Rejects(), of(bits))[BATCH]
    assert found.passed is None
    assert "as a rejection sampler may" in found.evidence
