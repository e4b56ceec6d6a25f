"""Aggregate posteriors against enumeration and quadrature; codes against scikit-learn fitted by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.evaluation.suites import aggregate_posterior, probes

N = 40


class Table(torch.nn.Module):
    """q(z|x) of N discrete examples: x is the example's number, (B, 1)."""

    def __init__(self, loc, log_var):
        super().__init__()
        self.family = er.DiagonalNormal(loc.shape[1])
        self.loc, self.log_var = loc, log_var

    def forward(self, x):
        which = x[:, 0].round().long()
        return Normal(self.loc[which], self.log_var[which])


def world(latent, spread, prior=None, n=N, seed=0):
    """A model of n numbered examples, as data, with posteriors ``spread`` apart."""
    torch.manual_seed(seed)
    loc, log_var = spread * torch.randn(n, latent), 0.3 * torch.randn(n, latent) - 1
    decoder = er.Conditional.mlp(latent, er.Gaussian(1, 1.0), hidden=())
    model = er.Model(Table(loc, log_var), decoder, prior or er.StandardNormal(latent))
    return model, er.load_data(torch.arange(float(n))[:, None].numpy(), validation=0, test=0)


def repeated(data, times):
    """The same examples many times over: the same mixture, with a code of each copy."""
    return er.load_data(np.tile(data.train.x.numpy(), (times, 1)), validation=0, test=0)


def by_quadrature(model, points=4001, width=9.0):
    """The figures of a one-dimensional code, by integrating over a grid."""
    grid = torch.linspace(-width, width, points, dtype=torch.float64)
    q = torch.distributions.Normal(model.encoder.loc.double(), (model.encoder.log_var.double() / 2).exp())
    log_each = q.log_prob(grid)  # (n, points)
    log_q = log_each.logsumexp(0) - math.log(len(log_each))
    log_p = model.prior().log_prob(grid[:, None].float()).double()
    step = grid[1] - grid[0]
    information = (log_each.exp() * (log_each - log_q)).sum(1).mean() * step
    gap = (log_q.exp() * (log_q - log_p)).sum() * step
    return information.item(), gap.item()


@pytest.mark.parametrize("prior", [None, "mixture"])
@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_information_and_gap_by_quadrature(spread, prior):
    model, data = world(1, spread, er.Mixture(1, components=3) if prior else None)
    information, gap = by_quadrature(model, width=25.0, points=20_001)
    # Many codes of each example, so that the estimate is as good as its error says.
    figures = er.evaluate(model, repeated(data, 80), metrics="aggregate", split="train")
    for name, expected in (("mutual_information", information), ("aggregate_gap", gap)):
        metric = figures[name]
        assert metric.value == pytest.approx(expected, abs=max(4 * metric.standard_error, 2e-3)), name
        assert metric.examples == 80 * N


def test_total_correlation_by_quadrature():
    """Two dimensions, correlated through the examples alone; the grid has both."""
    model, data = world(2, 1.5)
    grid = torch.linspace(-8, 8, 400, dtype=torch.float64)
    each = torch.distributions.Normal(
        model.encoder.loc.double()[:, :, None], (model.encoder.log_var.double() / 2).exp()[:, :, None]
    )
    first, second = each.log_prob(grid).exp().unbind(1)
    joint = torch.einsum("na,nb->ab", first, second) / N
    product = first.mean(0)[:, None] * second.mean(0)
    area = (grid[1] - grid[0]) ** 2
    expected = ((joint * (joint / product).log()).sum() * area).item()
    figures = er.evaluate(model, repeated(data, 80), metrics="aggregate", split="train")
    correlation = figures["total_correlation"]
    assert correlation.value == pytest.approx(expected, abs=4 * correlation.standard_error)
    assert expected > 10 * correlation.standard_error


def test_the_kl_divides_into_its_parts(digits):
    """Hoffman & Johnson 2016: information and gap; Chen et al. 2018: the gap into correlation and dimensions."""
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=4)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(2)
    figures = er.evaluate(model, digits, metrics="aggregate,likelihood", samples=1)
    parts = [figures[name].value for name in ("mutual_information", "total_correlation", "dimension_gap")]
    assert figures["aggregate_gap"].value == pytest.approx(parts[1] + parts[2], abs=1e-4)
    # Of the same codes, whose KL by sampling is what the importance weight leaves after the reconstruction.
    sampled = -figures["reconstruction"].value - figures["importance_bound"].value
    assert sum(parts) == pytest.approx(sampled, abs=1e-3)
    assert sampled == pytest.approx(figures["kl"].value, abs=0.2)


def test_codes_that_tell_nothing_and_codes_that_tell_all():
    model, data = world(3, 0.0)
    model.encoder.log_var.fill_(0.0)
    figures = er.evaluate(model, data, metrics="aggregate", split="train")
    for name in figures:
        assert figures[name].value == pytest.approx(0, abs=1e-5), name
        assert figures[name].note is None
    model, data = world(3, 100.0)
    figures = er.evaluate(model, data, metrics="aggregate", split="train")
    assert figures["mutual_information"].value == pytest.approx(math.log(N), abs=1e-5)
    assert "ceiling, log N = 3.69" in figures["mutual_information"].note
    assert "more examples would lower this" in figures["total_correlation"].note


def test_a_quantised_code_is_counted():
    """Every code has its own probability in the mixture: entropies by enumeration."""
    torch.manual_seed(0)
    model, _ = er.recipes.vq_vae((1, 8, 8), latent=2, codes=3, dim=2, hidden=(16,))
    data = er.load_data("digits")
    with torch.no_grad():
        model.prior.logits.normal_()
        indices = model.eval().encoder(data.test.first(len(data.test)).x).indices
    figures = er.evaluate(model, data, metrics="aggregate")
    share = torch.stack(
        [(indices == torch.tensor(code)).all(1).double().mean() for code in itertools.product(range(3), repeat=2)]
    )
    marginals = torch.stack([(indices == code).double().mean(0) for code in range(3)])
    entropy = -torch.xlogy(share, share).sum().item()
    apart = -torch.xlogy(marginals, marginals).sum().item()
    prior = model.prior.logits.detach().double().log_softmax(-1)
    crossed = -(marginals.T * prior).sum().item()
    assert figures["mutual_information"].value == pytest.approx(entropy, abs=1e-6)
    assert figures["total_correlation"].value == pytest.approx(apart - entropy, abs=1e-6)
    assert figures["aggregate_gap"].value == pytest.approx(crossed - entropy, abs=1e-5)
    assert figures["dimension_gap"].value == pytest.approx(crossed - apart, abs=1e-5)


def test_a_posterior_that_is_no_product_has_no_total_correlation(monkeypatch):
    """Densities of any kind are mixed by their log_prob alone."""

    class Full(Table):
        def forward(self, x):
            q = super().forward(x)
            return torch.distributions.MultivariateNormal(q.loc, torch.diag_embed(q.variance))

    model, data = world(2, 1.0)
    diagonal = er.evaluate(model, data, metrics="aggregate", split="train")
    full = er.Model(Full(model.encoder.loc, model.encoder.log_var), model.decoder, model.prior)
    figures = er.evaluate(full, data, metrics="aggregate", split="train")
    assert figures["total_correlation"].value is None
    assert "does not factorise" in figures["total_correlation"].note
    error = figures["mutual_information"].standard_error + diagonal["mutual_information"].standard_error
    assert figures["mutual_information"].value == pytest.approx(diagonal["mutual_information"].value, abs=4 * error)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("autoencoder", "point posterior"),
        ("ladder_vae", "several latents"),
        ("cvae", "conditional"),
        ("m2", "several latents"),
    ],
)
def test_a_clear_word_where_there_is_nothing_to_mix(digits, recipe, why):
    model, _ = er.recipes.RECIPES[recipe]((1, 8, 8))
    figures = er.evaluate(model, digits, metrics="aggregate")
    assert all(m.value is None and why in m.note for m in figures.values())


def test_a_learned_prior_that_does_not_factorise(digits):
    torch.manual_seed(0)
    model, _ = er.recipes.vamp_vae((1, 8, 8), latent=2, components=5)
    figures = er.evaluate(model, digits, metrics="aggregate")
    assert figures["dimension_gap"].value is None
    assert "prior does not factorise" in figures["dimension_gap"].note
    assert figures["aggregate_gap"].value is not None


def test_only_so_many_examples_are_mixed_and_the_figure_says_how_many(digits, monkeypatch):
    monkeypatch.setattr(aggregate_posterior, "MAX_EXAMPLES", 50)
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    a, b = (er.evaluate(model, digits, metrics="aggregate", batch_size=size) for size in (7, 300))
    assert a["mutual_information"].examples == 50
    assert "of 50 examples" in a["mutual_information"].estimator
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-4)
    other = er.evaluate(model, digits, metrics="aggregate", seed=1)
    assert other["mutual_information"].value != a["mutual_information"].value


@pytest.fixture(scope="module")
def blobs():
    """An encoder that passes on the first two of three numbers, and four classes, three of them apart."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 900)
    centres = np.array([[0, 0], [6, 0], [0, 6], [0.8, 6.8]])
    x = np.concatenate([centres[y] + 0.7 * rng.normal(size=(900, 2)), rng.normal(size=(900, 1))], 1)
    data = er.load_data((x.astype(np.float32), y))
    encoder = er.Conditional(torch.nn.Linear(3, 4), er.DiagonalNormal(2))
    with torch.no_grad():
        encoder.net.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 5], [0, 0, 5]]))
        encoder.net.bias.zero_()
    return er.Model(encoder, er.Conditional.mlp(2, er.Gaussian(3)), er.StandardNormal(2)), data


def test_probes_and_clusters_are_what_scikit_learn_finds_in_the_codes(blobs):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    from sklearn.mixture import GaussianMixture
    from sklearn.neighbors import KNeighborsClassifier

    model, data = blobs
    figures = er.evaluate(model, data, metrics="codes")
    (x, y), (x_test, y_test) = ((part.x[:, :2].numpy(), part.y.numpy()) for part in (data.train, data.test))
    line = LogisticRegression(C=100).fit(x, y).score(x_test, y_test)
    assert figures["linear_probe_accuracy"].value == pytest.approx(line, abs=0.03)
    votes = KNeighborsClassifier(5).fit(x, y).score(x_test, y_test)
    assert figures["neighbour_accuracy"].value == pytest.approx(votes)
    # The classes are round and of one size, so that a mixture of normals started at them finds what k-means does.
    means = [x_test[y_test == c].mean(0) for c in range(4)]
    found = GaussianMixture(4, covariance_type="spherical", means_init=means, random_state=0).fit_predict(x_test)
    assert figures["clustering_nmi"].value == pytest.approx(normalized_mutual_info_score(y_test, found), abs=0.1)
    assert figures["clustering_ari"].value == pytest.approx(adjusted_rand_score(y_test, found), abs=0.15)
    best = max(np.mean(np.array(order)[found] == y_test) for order in itertools.permutations(range(4)))
    assert figures["clustering_accuracy"].value == pytest.approx(best, abs=0.1)


def test_errors_of_accuracies_are_binomial_and_those_of_clusterings_their_spread(blobs):
    model, data = blobs
    figures = er.evaluate(model, data, metrics="codes")
    n = len(data.test)
    for name in probes.PROBES:
        p = figures[name].value
        assert figures[name].standard_error == pytest.approx(math.sqrt(p * (1 - p) / (n - 1)))
    accuracy = figures["clustering_accuracy"]
    binomial = math.sqrt(accuracy.value * (1 - accuracy.value) / n)
    assert accuracy.standard_error == pytest.approx(binomial, rel=0.25)
    assert 0 < figures["clustering_nmi"].standard_error < 0.1


def test_agreement_of_tables_by_hand():
    perfect, swapped, none = np.diag([5, 3, 2]), np.array([[0, 5], [4, 0]]), np.full((3, 3), 4)
    for name, (agreement, _) in probes.AGREEMENTS.items():
        assert agreement(perfect) == pytest.approx(1), name
        assert agreement(swapped) == pytest.approx(1), name
    assert probes.AGREEMENTS["clustering_nmi"][0](none) == pytest.approx(0, abs=1e-9)
    assert probes.AGREEMENTS["clustering_ari"][0](none) < 0
    assert probes.AGREEMENTS["clustering_accuracy"][0](none) == pytest.approx(1 / 3)
    # Two classes that share a cluster: only one of them can be matched to it.
    shared = np.array([[6, 0, 0], [4, 0, 0], [0, 5, 5]])
    assert probes.AGREEMENTS["clustering_accuracy"][0](shared) == pytest.approx((6 + 5) / 20)


@pytest.mark.filterwarnings("error")
def test_a_code_that_knows_the_class_and_one_that_does_not(digits):
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=8)
    figures = er.evaluate(model, digits, metrics="codes")
    # Even random weights keep neighbours together.
    assert figures["neighbour_accuracy"].value > 0.6
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.zero_()
    figures = er.evaluate(model, digits, metrics="codes")
    assert figures["linear_probe_accuracy"].value < 0.2
    assert "distinct clusters (1)" in figures["clustering_nmi"].note


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("recipe", ["autoencoder", "vq_vae", "ladder_vae", "vamp_vae", "cvae", "m2"])
def test_codes_of_any_recipe(digits, recipe):
    torch.manual_seed(0)
    model, _ = er.recipes.RECIPES[recipe]((1, 8, 8), **({"dim": 4} if recipe == "vq_vae" else {}))
    figures = er.evaluate(model, digits, metrics="codes")
    assert set(figures) == {*probes.PROBES, *probes.AGREEMENTS}
    assert all(0 <= m.value <= 1 for m in figures.values())


def test_codes_without_classes_say_so(digits):
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    x, y = digits.train.x[:100], digits.train.y[:100]
    cases = {
        "no labels": x,
        "attributes": (x, torch.stack((y, y), 1).float()),
        "one class": (x, torch.zeros(100, dtype=torch.int64)),
    }
    for why, source in cases.items():
        figures = er.evaluate(model, er.load_data(source, validation=0, test=20), metrics="codes")
        assert all(m.value is None and why in m.note for m in figures.values()), why
    figures = er.evaluate(model, digits, metrics="codes", split="train")
    assert "not judged on it" in figures["linear_probe_accuracy"].note
    assert figures["clustering_nmi"].value is not None
