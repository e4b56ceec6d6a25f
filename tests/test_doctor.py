"""The doctor: every ailment planted on real data and found, and nothing found where nothing is wrong."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import nn

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.distributions import Normal
from elbowroom.doctor import DIAGNOSES, Finding, examine
from elbowroom.doctor.amortization_gap import measure_amortization_gap
from elbowroom.doctor.duplicates import find_duplicates
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.loss_weights import weights_from_objective, weights_from_rows
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.doctor.snapshot import Snapshot, take_snapshot
from elbowroom.recipes import RECIPES
from elbowroom.workbench import SampleImages, from_record, to_record

#: Smaller than the papers', where those are large for a test; long enough to be past their warm-up.
SMALL = {
    "factor_vae": {"critic": (32, 32)},
    "vamp_vae": {"components": 20},
    "iwae": {"k": 5},
    "vq_vae": {"codes": 32},
    "ladder_vae": {"latent": (8, 4), "hidden": (64, 32), "warmup": 300},
}
#: Recipes whose trainings take a second; the others are for --slow.
QUICK = ("vae", "autoencoder", "beta_vae", "vq_vae")


def make(name="vae", shape=(1, 8, 8), **more):
    torch.manual_seed(0)
    usual = {key: value for key, value in (("hidden", (64,)), ("warmup", 100)) if key in RECIPES[name].arguments}
    return RECIPES[name](shape, **usual | SMALL.get(name, {}) | more)


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """They take longer than these trainings."""
    for hook in ("epoch", "end"):
        monkeypatch.setattr(SampleImages, hook, lambda self, state: None)


@pytest.fixture(scope="module")
def long(digits):
    """The digits, each eight times in an epoch, so that there are few validations and pictures."""
    return replace(digits, train=digits.train.part(torch.arange(1258).repeat(8)))


def train(data, path, model, objective, **more):
    settings = {"steps": 320, "batch_size": 32, "lr": 3e-3, "device": "cpu", "watch": ("validation",)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return er.fit(model, objective, data, out=path, **settings | {"callbacks": [er.Doctor()]} | more)


def titles(found, at_least="warning"):
    grave = {"note": ("note", "warning", "fault"), "warning": ("warning", "fault"), "fault": ("fault",)}[at_least]
    return {finding.title for finding in found if finding.severity in grave}


def only(found, title):
    (finding,) = (finding for finding in found if finding.title == title)
    return finding


def events(run, kind):
    return [row for row in run.metrics() if row.get("event") == kind]


def is_collapsed(run, data):
    """Whether most dimensions say nothing, as the evaluation has it: small codes on so small a set do."""
    figures = er.evaluate(run.model(), data, split="validation", metrics="latent")
    values = [figures[name].value for name in figures if name.startswith("kl_per_dimension")]
    each = np.concatenate([np.ravel(value) for value in values if value is not None] or [[1.0]])
    return "codes_in_use" not in figures and (each < 0.01).mean() >= 0.9


@pytest.mark.parametrize("name", [p if p in QUICK else pytest.param(p, marks=pytest.mark.slow) for p in RECIPES])
def test_healthy_runs_give_no_alarm(name, digits, long, tmp_path):
    run = train(long, tmp_path / "run", *make(name))
    found = examine(run, digits)
    true = {"posterior collapse"} if is_collapsed(run, digits) else set()
    assert titles(found) == true, found
    assert {row["title"] for row in events(run, "finding")} <= true
    assert {"held-out examples in training", "data out of range", "over-fitting"} <= set(found.performed_names)
    assert set(found.performed_names) | set(found.skip_reasons) == set(DIAGNOSES)


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian:optimal", "laplace", "discretised-logistic"])
def test_healthy_likelihoods_give_no_alarm(likelihood, digits, long, tmp_path):
    run = train(long, tmp_path / "run", *make(likelihood=likelihood))
    assert titles(examine(run, digits)) == set()


def test_a_model_that_no_recipe_made_is_examined_as_far_as_its_rows_go(digits, tmp_path):
    model, _ = make()
    model.origin = None
    run = train(digits, tmp_path / "run", model, er.Reconstruction() / 64 + er.KL(), steps=60)
    found = examine(run)
    assert titles(found) == {"reconstruction averaged"}
    assert "a model that no recipe made" in found.skip_reasons["posterior collapse"]
    assert "posterior collapse" not in examine(run, model=make()[0]).performed_names
    assert "60 steps are too few" in examine(run, model=make()[0]).skip_reasons["posterior collapse"]


# The code


def test_a_collapsed_code_is_told_while_it_trains_and_afterwards(digits, tmp_path):
    model, objective = make("beta_vae", beta=50.0)
    with pytest.warns(UserWarning, match="posterior collapse: all 20 dimensions say less than 0.01 nats of x"):
        run = er.fit(
            model, objective, digits, steps=400, batch_size=32, lr=3e-3, out=tmp_path / "run", device="cpu",
            watch=(), callbacks=[er.Doctor()],
        )  # fmt: skip
    (told,) = events(run, "finding")
    assert told["severity"] == "fault"
    assert told["step"] == 320
    found = only(examine(run), "posterior collapse")
    assert found.severity == "fault"
    assert "lower the weight of the KL, which is 50 times that of the reconstruction" in found.advice


def test_when_it_collapsed_is_known(digits, tmp_path):
    """Nearly free at first, the code speaks; once its KL weighs 60 times as much it falls silent."""
    model, _ = make(latent=3)
    late = er.Schedule(lambda step: torch.where(step < 160, 0.1, 60.0))
    run = train(digits, tmp_path / "run", model, er.Reconstruction() + late * er.KL(), steps=480)
    looks = [Snapshot.from_row(row) for row in events(run, "look")]
    assert max(looks[0].nats[0]) > 0.1
    first = next(look.step for look in looks if max(look.nats[0]) < 0.01)
    assert looks[0].step < first < looks[-1].step
    found = only(examine(run), "posterior collapse")
    assert f"since step {first}" in found.evidence


def test_dimensions_without_use_are_a_note(digits, long, tmp_path):
    """A dimension that the decoder is deaf to is left to the prior."""
    model, objective = make(latent=3)

    class Deaf(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, z):
            return self.inner(z * torch.tensor([1.0, 0.0, 1.0]))

    model.decoder.net = Deaf(model.decoder.net)
    run = train(long, tmp_path / "run", model, er.ELBO(), steps=400)
    case = Evidence(run, digits, model, objective)
    from elbowroom.doctor.examine import diagnose

    found = only(diagnose(case), "unused dimensions")
    assert found.severity == "note"
    assert "1 of 3 dimensions say less than 0.01 nats of x (2)" in found.evidence


def test_too_few_steps_are_said_to_be_too_few(digits, tmp_path):
    found = examine(train(digits, tmp_path / "run", *make(), steps=12))
    assert titles(found) == set()
    assert "12 steps are too few" in found.skip_reasons["posterior collapse"]


class Clamped(er.DiagonalNormal):
    """What is often written against overflow."""

    def __init__(self, shape, low, high):
        super().__init__(shape)
        self.low, self.high = low, high

    def forward(self, phi):
        loc, log_var = phi.chunk(2, -1)
        return Normal(loc, log_var.clamp(self.low, self.high))


@pytest.mark.parametrize(("low", "high", "expected"), [(0.0, 4.0, {"clamped variance"}), (-20.0, 20.0, set())])
def test_a_clamped_variance(low, high, expected, digits, long, tmp_path):
    torch.manual_seed(0)
    encoder = er.Conditional.mlp((1, 8, 8), Clamped(4, low, high), (64,))
    model = er.Model(encoder, er.Conditional.mlp(4, er.Bernoulli((1, 8, 8)), (64,)), er.StandardNormal(4))
    run = train(long, tmp_path / "run", model, er.ELBO())
    found = examine(run, digits, model)
    assert titles(found) == expected
    assert {row["title"] for row in events(run, "finding")} == expected
    if expected:
        assert "of the log-variances of q(z|x) sit at one value" in only(found, "clamped variance").evidence


def test_dead_codes(digits, long, tmp_path):
    """A codebook of 512 of which five are where the encoder speaks, and nobody restarts the others."""

    class Left(er.Codebook):
        def _update_averages(self, output, indices):
            pass

    torch.manual_seed(0)
    book = Left(20, 4, 512)
    encoder = er.Conditional.mlp((1, 8, 8), book, (64,))
    decoder = er.Conditional.mlp(book.shape, er.Bernoulli((1, 8, 8)), (64,))
    model = er.Model(encoder, decoder, er.CodePrior(book))
    said = encoder.net(digits.train.first(500).x).detach().reshape(-1, 4)
    book.codes.fill_(1e3)
    book.codes[:5] = torch.tensor(KMeans(5, n_init=1, random_state=0).fit(said).cluster_centers_)
    run = train(long, tmp_path / "run", model, er.ELBO() + 0.25 * er.Commitment(), lr=1e-6)
    found = only(examine(run, digits, model), "dead codes")
    assert found.severity == "warning"
    assert "5 of 512 codes are chosen, in 3,600 choices" in found.evidence
    assert {row["title"] for row in events(run, "finding")} == {"dead codes"}


# The loss


def test_an_averaged_reconstruction(digits, tmp_path):
    run = train(digits, tmp_path / "run", make()[0], er.Reconstruction() / 64 + er.KL(), steps=60)
    found = examine(run)
    mean = only(found, "reconstruction averaged")
    assert mean.severity == "fault"
    assert "the loss holds 1/64 of the reconstruction and 1 of the KL" in mean.evidence
    assert titles(found) == {"reconstruction averaged"}


@pytest.mark.parametrize(
    ("objective", "words", "severity"),
    [
        (lambda: er.Reconstruction() + er.KL() / 64, "the KL weighs 1/64 as much as the reconstruction, which is the "
         "number of values of an example", "fault"),
        (lambda: er.Reconstruction() + er.KL() / 1258, "the number of training examples", "fault"),
        (lambda: er.Reconstruction() + 0.01 * er.KL(), "the KL weighs 1/100 as much", "warning"),
        (lambda: er.Reconstruction() + 30 * er.KL(), "the KL weighs 30 times as much", "warning"),
    ],
)  # fmt: skip
def test_a_kl_out_of_proportion(objective, words, severity, digits, tmp_path):
    run = train(digits, tmp_path / "run", make()[0], objective(), steps=60)
    found = only(examine(run), "KL out of proportion")
    assert words in found.evidence
    assert found.severity == severity


@pytest.mark.parametrize(
    ("objective", "reconstruction", "kl"),
    [
        (er.ELBO(), 1, 1),
        (er.ELBO(3), 1, 1),
        (er.Reconstruction() + 4 * er.KL(), 1, 4),
        (er.Reconstruction() / 64 + er.KL(), 1 / 64, 1),
        (er.ImportanceBound(5), 1, 1),
        (er.Reconstruction() + 10 * er.MMD(), 1, 0),
        (er.Reconstruction() + er.ramp(0, 2, 1000) * er.KL(), 1, 2),
        (er.Reconstruction() + er.KL() + 6 * er.MMD(), 1, 1),
    ],
)
def test_what_an_objective_charges(objective, reconstruction, kl, digits):
    batch = digits.train.first(20)
    draw = make()[0].draw(batch.x, k=objective.k)
    charges = weights_from_objective(objective, draw)
    assert charges.reconstruction == pytest.approx(reconstruction, rel=1e-5)
    assert charges.kl == pytest.approx(kl, rel=1e-4, abs=1e-6)
    # Twice the reconstruction is charged for twice, whatever else is in it.
    both = weights_from_objective(objective + er.Reconstruction(), draw)
    assert both.reconstruction == pytest.approx(reconstruction + 1, rel=1e-5)


def test_a_bent_kl_has_no_weight(digits):
    draw = make()[0].draw(digits.train.first(20).x)
    with pytest.raises(NotApplicableError, match="bends the KL"):
        weights_from_objective(er.Reconstruction() + 1000 * abs(er.KL() - 25), draw)


def test_what_rows_say_the_loss_is_made_of():
    rng = np.random.default_rng(0)
    terms = rng.uniform(1, 30, (12, 3))
    rows = [
        {"step": i, "epoch": 1, "split": "train", "examples": 5, "seconds": 0.1, "reconstruction": r, "kl": k, "mmd": m,
         "loss": 0.5 * r + 3 * k + 7 * m}
        for i, (r, k, m) in enumerate(terms)
    ]  # fmt: skip
    charges = weights_from_rows(rows)
    assert (charges.reconstruction, charges.kl) == (pytest.approx(0.5), pytest.approx(3))
    with pytest.raises(NotApplicableError, match="4 rows are too few"):
        weights_from_rows(rows[:4])
    for i, row in enumerate(rows):
        row["loss"] += i
    with pytest.raises(NotApplicableError, match="no fixed sum of its terms"):
        weights_from_rows(rows)


@pytest.mark.parametrize("how", ["recipe", "callback"])
def test_a_warmup_that_the_run_does_not_finish(how, digits, tmp_path):
    made = make("ladder_vae", warmup=10_000) if how == "recipe" else make()
    more = {} if how == "recipe" else {"callbacks": [er.Warmup(steps=40)]}
    found = only(examine(train(digits, tmp_path / "run", *made, steps=20, **more)), "warm-up unfinished")
    assert f"and the run ended after 20: {'0' if how == 'recipe' else '50'}% of the way" in found.evidence
    assert found.severity == "warning"


# The data


def test_a_validation_split_that_is_the_training_split(digits, tmp_path):
    x, y = digits.train.x.numpy(), digits.train.y.numpy()
    data = er.load_data((x, y), validation=(x, y))
    run = train(data, tmp_path / "run", *make(), steps=20)
    found = only(examine(run, data), "held-out examples in training")
    assert found.severity == "fault"
    assert "100% of 500 validation examples are training examples, value by value" in found.evidence
    assert "no run" not in examine(run).skip_reasons["held-out examples in training"]
    assert "pass the same as data=" in examine(run).skip_reasons["held-out examples in training"]


def test_copies_that_are_a_little_different_are_found_too(digits):
    noisy = digits.train.x[:200].float() / 255 + 0.001 * torch.randn(200, 1, 8, 8)
    data = er.load_data(digits.train.x.numpy(), validation=noisy.numpy())
    twins = find_duplicates(data.validation, data.train)
    assert (twins.exact, twins.near) == (0, 1)
    assert twins.excess_share == 1
    honest = find_duplicates(digits.test, digits.train)
    assert (honest.exact, honest.excess_share) == (0, 0)


@pytest.mark.parametrize("shape", [(4,), (12,)])
def test_repeated_examples_of_a_small_space_are_no_leak(shape):
    """As many as repeat within training; and a point of the plane is near to others without being one."""
    rng = np.random.default_rng(0)
    for rows in (rng.integers(0, 2, (600, *shape)), rng.normal(size=(600, 2))):
        data = er.load_data(rows.astype(np.float32))
        assert find_duplicates(data.validation, data.train).excess_share == 0
    half = data.train.x[:40], data.validation.x[:20]
    leaky = er.load_data(data.train.x.numpy(), validation=torch.cat(half).numpy())
    assert 0.5 < find_duplicates(leaky.validation, leaky.train).excess_share < 0.8


def test_values_out_of_range(digits, tmp_path):
    """A stream is refused by its first batch alone, so what comes later is seen only afterwards."""
    x = digits.train.first(320).x
    batches = [x[:64], *(255 * part for part in x[64:].split(64))]
    data = er.load_data(batches, validation=0, test=0)
    run = train(data, tmp_path / "run", *make(), steps=20, watch=())
    found = only(examine(run, data), "data out of range")
    assert found.severity == "fault"
    assert "lie outside [0, 1], the range of Bernoulli: they go from 0 to 255" in found.evidence


# The fit


def few(digits, n=60):
    """The first n training examples, again and again."""
    return replace(digits, train=digits.train.part(torch.arange(n).repeat(1200 // n)))


def test_a_decoder_that_over_fits(digits, tmp_path):
    data = few(digits)
    run = train(data, tmp_path / "run", *make(hidden=(400,)), watch=())
    found = only(examine(run, data), "over-fitting of the decoder")
    assert found.severity == "warning"
    assert "of the gap is the encoder's" in found.evidence
    assert "stop earlier" in found.advice


def test_an_encoder_that_over_fits(digits, tmp_path):
    """The decoder learned from all; then the encoder alone goes on with thirty."""
    model, objective = make(hidden=(200,), latent=16, likelihood="gaussian:0.1")
    train(digits, tmp_path / "whole", model, objective, steps=600, watch=(), callbacks=[])
    model.train().decoder.requires_grad_(False)
    data = few(digits, 30)
    run = train(data, tmp_path / "run", model, objective, steps=400, watch=())
    found = only(examine(run, data), "over-fitting of the encoder")
    assert found.severity == "warning"
    assert "regularise the encoder alone" in found.advice


def test_refining_finds_the_true_posterior_of_a_linear_model():
    """From a posterior that is off, each example's own is found, and its ELBO is log p(x)."""
    torch.manual_seed(0)
    columns, _ = torch.linalg.qr(torch.randn(6, 2))
    decoder = er.Conditional(nn.Linear(2, 6), er.Gaussian(6, 0.5))
    with torch.no_grad():
        decoder.net.weight.copy_(columns)
        decoder.net.bias.zero_()
    model = er.Model(er.Conditional.mlp(6, er.DiagonalNormal(2), (16,)), decoder, er.StandardNormal(2))
    covariance = columns @ columns.T + 0.25 * torch.eye(6)
    marginal = torch.distributions.MultivariateNormal(torch.zeros(6), covariance)
    x = marginal.sample((40,))
    from elbowroom.data import Batch

    before = {name: t.clone() for name, t in model.state_dict().items()}
    found = measure_amortization_gap(model, Batch(x, None, torch.arange(40)), 16)
    gap = (marginal.log_prob(x) - found.refined).mean()
    # 64 samples leave an error of some hundredths, and keeping the better of two values takes the luckier.
    assert abs(gap) < 0.1
    assert found.gap.mean() > 0.5
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_a_variance_that_runs_away(digits, tmp_path):
    """A variance for every pixel has no bound where pixels are always black."""
    run = train(digits, tmp_path / "run", *make(likelihood="diagonal-normal"), lr=1e-2, batch_size=128)
    found = only(examine(run), "decoder variance running away")
    assert found.severity == "fault"
    assert "of some values" in found.evidence
    assert "decoder variance running away" in {row["title"] for row in events(run, "finding")}


def test_a_learned_scale_that_runs_to_zero(digits, tmp_path):
    """As many dimensions as pixels and no price on them: the error goes to nothing, and the scale after it."""
    model, _ = make("autoencoder", latent=64, hidden=(), likelihood="gaussian")
    run = train(digits, tmp_path / "run", model, er.Reconstruction(), batch_size=128, watch=())
    found = only(examine(run), "decoder variance running away")
    assert "the standard deviation of every value is 0.0" in found.evidence
    assert "below 0.029, half the distance of the data's values" in found.evidence


# Anybody's module


class Own(nn.Module):
    def __init__(self, size=64, latent=2):
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc21, self.fc22 = nn.Linear(size, 64), nn.Linear(64, latent), nn.Linear(64, latent)
        self.fc3, self.fc4 = nn.Linear(latent, 64), nn.Linear(64, size)

    def forward(self, x):
        h = torch.relu(self.fc1(x.flatten(1)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), mu, logvar


def kl(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


def summed(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1), reduction="sum") + kl(*output[1:])


def averaged(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1)) + kl(*output[1:]) / len(x)


def light(output, x):
    return F.binary_cross_entropy(output[0], x.flatten(1), reduction="sum") + kl(*output[1:]) / 64


def test_a_loss_of_ones_own_that_averages(digits, tmp_path):
    run = train(digits, tmp_path / "run", Own(), er.Loss(averaged, reduction="mean"))
    # From the rows alone it looks averaged; with the module it is known.
    assert only(examine(run), "reconstruction averaged").severity == "warning"
    assert "the first loss is 0." in only(examine(run), "reconstruction averaged").evidence
    assert "a model that no recipe made" in examine(run).skip_reasons["posterior collapse"]
    found = examine(run, model=Own())
    assert only(found, "reconstruction averaged").severity == "fault"
    assert "the loss as cross-entropy" in only(found, "reconstruction averaged").evidence
    assert only(found, "posterior collapse").severity == "fault"
    assert {row["title"] for row in events(run, "finding")} == {"posterior collapse"}


def test_a_loss_of_ones_own_with_a_light_kl(digits, tmp_path):
    run = train(digits, tmp_path / "run", Own(latent=16), er.Loss(light))
    assert "1/64 as much" in only(examine(run, model=Own(latent=16)), "KL out of proportion").evidence


def test_a_sound_module_of_ones_own_gives_no_alarm(digits, tmp_path):
    run = train(digits, tmp_path / "run", Own(), er.Loss(summed))
    assert titles(examine(run)) == set()
    found = examine(run, model=Own())
    assert titles(found) == set()
    assert {"reconstruction averaged", "KL out of proportion", "posterior collapse"} <= set(found.performed_names)


def test_a_module_of_ones_own_that_over_fits(digits, tmp_path):
    data = few(digits)
    run = train(data, tmp_path / "run", Own(latent=16), er.Loss(lambda output, x: F.binary_cross_entropy(
        output[0], x.flatten(1), reduction="sum")), steps=640)  # fmt: skip
    found = only(examine(run, data, Own(latent=16)), "over-fitting")
    assert "the validation loss was least at step" in found.evidence


def test_what_returns_something_else_is_said_not_to_be_looked_at(digits, tmp_path):
    class Other(Own):
        def forward(self, x):
            return {"again": super().forward(x)[0]}

    loss = er.Loss(lambda output, x: ((output["again"] - x.flatten(1)) ** 2).sum())
    run = train(digits, tmp_path / "run", Other(), loss, steps=20)
    assert events(run, "look") == []
    found = examine(run, model=Other())
    assert found.skip_reasons["posterior collapse"] == "Other does not return (reconstruction, mu, logvar)"


# Watching


@pytest.mark.parametrize("name", ["vae", "vq_vae"])
def test_watching_does_not_change_the_training(name, digits, tmp_path):
    paths = []
    for i, callbacks in enumerate(([], [er.Doctor()])):
        paths.append(train(digits, tmp_path / str(i), *make(name), steps=60, callbacks=callbacks).weights)
    a, b = (serialization.read(path)[0] for path in paths)
    for key, tensor in a.items():
        assert torch.equal(tensor, b[key]), key


def test_a_resumed_run_has_each_look_once_and_says_nothing_twice(digits, tmp_path):
    from elbowroom.training import state

    class Stop(er.Callback):
        def step(self, now):
            if now[state.STEP] == 370:
                now[state.STOP] = "interrupted"

    made = make("beta_vae", beta=50.0)
    run = train(digits, tmp_path / "run", *made, steps=480, callbacks=[er.Doctor(), Stop()])
    assert len(events(run, "finding")) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        er.resume(run, callbacks=[er.Doctor()])
    steps = [row["step"] for row in events(run, "look")]
    assert steps == list(range(40, 481, 40))
    assert len(events(run, "finding")) == 1
    (again,) = from_record([to_record(er.Doctor())])
    assert isinstance(again, er.Doctor)


def test_a_look_is_a_small_row_and_comes_back_from_it(digits):
    model, _ = make()
    seen = take_snapshot(model, digits.validation.first(50), 7)
    row = json.loads(json.dumps(seen.to_row(1)))
    assert Snapshot.from_row(row) == seen
    assert len(json.dumps(row)) < 400
    expected = torch.distributions.kl_divergence(model.encoder(digits.validation.first(50).x), model.prior())
    assert sum(seen.nats[0]) == pytest.approx(expected.mean().item(), rel=1e-3)


# The command, and the list


def test_the_command(digits, tmp_path, capsys):
    healthy = train(digits, tmp_path / "healthy", *make(latent=4))
    ill = train(digits, tmp_path / "ill", make()[0], er.Reconstruction() / 64 + er.KL())
    capsys.readouterr()
    assert main(["doctor", str(healthy.path), "--strict"]) == 0
    said = capsys.readouterr().out
    assert "nothing found" in said
    assert "reconstruction averaged, KL out of proportion" in said
    assert main(["doctor", str(ill.path)]) == 0
    said = capsys.readouterr().out
    assert "the loss holds 1/64 of the reconstruction" in " ".join(said.split())
    assert main(["doctor", str(ill.path), "--strict", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {finding["title"] for finding in told["findings"]} == {"reconstruction averaged", "posterior collapse"}
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert main(["audit", str(healthy.path)]) == 0
    assert "the same in any company" in capsys.readouterr().out
    assert main(["audit", str(healthy.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_a_list_with_the_gravest_first():
    from elbowroom.doctor import Findings

    found = [Finding("a", "b", "c", "d", severity) for severity in ("note", "fault", "warning")]
    made = Findings(found, ["x"], {"y": "z"})
    assert isinstance(made, list)
    assert [finding.severity for finding in made] == ["fault", "warning", "note"]
    assert str(made[0]) == "fault: a. b. c. d."
