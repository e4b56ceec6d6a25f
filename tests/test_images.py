"""Judging pictures: closed forms, written-out references and other libraries as judges."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from sklearn.neighbors import NearestNeighbors

import elbowroom as er
from elbowroom import serialization
from elbowroom.evaluation.metrics import feature_extractor, fid_kid, precision_recall, ssim_psnr


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """One cache for the file, so that its classifier is trained once; and briefly, which the digits forgive."""
    monkeypatch.setitem(feature_extractor.CLASSIFIER_SETTINGS, "steps", 150)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path_factory.getbasetemp() / "elbowroom-cache"))


def vae(shape=(1, 8, 8), **more):
    torch.manual_seed(0)
    return er.recipes.vae(shape, **({"latent": 2} | more))[0]


def reference_ssim(x, y, side):
    """Wang et al.'s formula, window by window, in numpy."""
    place = np.arange(side) - side // 2
    bell = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    bell /= bell.sum()
    values = []
    for a, b in zip(x, y, strict=True):
        for i in range(a.shape[0] - side + 1):
            for j in range(a.shape[1] - side + 1):
                p, q = a[i : i + side, j : j + side], b[i : i + side, j : j + side]
                mean_p, mean_q = (bell * p).sum(), (bell * q).sum()
                var_p, var_q = (bell * (p - mean_p) ** 2).sum(), (bell * (q - mean_q) ** 2).sum()
                cov = (bell * (p - mean_p) * (q - mean_q)).sum()
                top = (2 * mean_p * mean_q + 1e-4) * (2 * cov + 9e-4)
                values.append(top / ((mean_p**2 + mean_q**2 + 1e-4) * (var_p + var_q + 9e-4)))
    return np.mean(values)


@pytest.mark.parametrize(("shape", "side"), [((1, 15, 13), 11), ((3, 12, 14), 11), ((1, 8, 8), 7), ((1, 5, 28), 5)])
def test_ssim_is_the_papers_formula(shape, side):
    torch.manual_seed(0)
    x, y = torch.rand(3, *shape, dtype=torch.float64), torch.rand(3, *shape, dtype=torch.float64)
    expected = [reference_ssim(a.numpy(), b.numpy(), side) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(ssim_psnr.ssim(x, y).numpy(), expected, atol=1e-10)
    assert ssim_psnr.window_side(shape[1:]) == side


def test_psnr_is_twenty_for_an_error_of_a_tenth_and_bounded_for_none():
    x = torch.rand(2, 3, 8, 8)
    np.testing.assert_allclose(ssim_psnr.psnr(x, x + 0.1), [20, 20], rtol=1e-5)
    assert ssim_psnr.psnr(x, x).tolist() == [100, 100]


def covariance(rng, size):
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.1 * np.eye(size)


def test_the_frechet_distance_of_normals_is_the_closed_form():
    rng = np.random.default_rng(0)
    for size in (1, 4, 9):
        means, covs = rng.normal(size=(2, size)), [covariance(rng, size) for _ in range(2)]
        root = linalg.sqrtm(covs[0] @ covs[1]).real
        expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covs[0] + covs[1] - 2 * root)
        both = [(torch.from_numpy(m), torch.from_numpy(c)) for m, c in zip(means, covs, strict=True)]
        assert fid_kid.frechet_from_moments(*both) == pytest.approx(expected, rel=1e-8)
        assert fid_kid.frechet_from_moments(both[0], both[0]) == pytest.approx(0, abs=1e-6)


def test_the_frechet_distance_of_samples_approaches_that_of_their_distributions():
    """Two normals of unit covariance two apart: 4; and of twice the standard deviation: D."""
    torch.manual_seed(0)
    x, y = torch.randn(2, 4000, 3, dtype=torch.float64)
    moved, error = fid_kid.frechet_distance(x, y + torch.tensor([2.0, 0, 0]))
    assert moved == pytest.approx(4, abs=4 * error + 0.01)
    wider, error = fid_kid.frechet_distance(x, 2 * y)
    assert wider == pytest.approx(3, abs=4 * error + 0.01)
    assert fid_kid.frechet_distance(x, x)[0] == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_survives_features_that_never_fire():
    x = torch.randn(100, 5, dtype=torch.float64)
    x[:, 2:] = 0
    assert fid_kid.frechet_distance(x, x)[0] == pytest.approx(0, abs=1e-6)
    assert fid_kid.frechet_distance(x, x + 1)[0] == pytest.approx(5)


def test_the_frechet_distances_error_is_the_spread_over_fresh_samples():
    torch.manual_seed(0)
    found = [
        fid_kid.frechet_distance(torch.randn(400, 2).double(), 1 + torch.randn(400, 2).double()) for _ in range(40)
    ]
    spread, said = np.std([value for value, _ in found]), np.mean([error for _, error in found])
    assert said == pytest.approx(spread, rel=0.4)


def test_the_kernel_distance_is_the_double_sum():
    x, y = torch.randn(2, 6, 3, dtype=torch.float64)
    k = lambda a, b: (float(a @ b) / 3 + 1) ** 3  # noqa: E731
    among = sum(k(s[i], s[j]) for s in (x, y) for i in range(6) for j in range(6) if i != j) / 30
    between = sum(k(a, b) for a in x for b in y) / 36
    assert fid_kid._mmd2(x, y).item() == pytest.approx(among - 2 * between)


def test_the_kernel_distance_is_unbiased():
    """Small sets of one distribution: zero on average, and below it about as often as above."""
    torch.manual_seed(0)
    found = np.array([fid_kid.kernel_distance(*torch.randn(2, 40, 4, dtype=torch.float64))[0] for _ in range(300)])
    assert abs(found.mean()) < 3.5 * found.std() / math.sqrt(300)
    assert 0.3 < (found < 0).mean() < 0.75


def test_the_kernel_distances_error_is_the_spread_over_fresh_samples():
    torch.manual_seed(0)
    found = [
        fid_kid.kernel_distance(torch.randn(300, 2).double(), 0.5 + torch.randn(300, 2).double()) for _ in range(60)
    ]
    spread, said = np.std([value for value, _ in found]), np.mean([error for _, error in found])
    assert said == pytest.approx(spread, rel=0.3)
    with pytest.raises(ValueError, match="at least four vectors"):
        fid_kid.kernel_distance(torch.zeros(3, 2), torch.zeros(9, 2))


def test_nearest_neighbours_are_sklearns(monkeypatch):
    monkeypatch.setattr(precision_recall, "CHUNK_DISTANCES", 500)
    x, y = torch.randn(70, 5, dtype=torch.float64), torch.randn(90, 5, dtype=torch.float64)
    to_y = NearestNeighbors(n_neighbors=1).fit(y.numpy()).kneighbors(x.numpy())[0][:, 0]
    np.testing.assert_allclose(precision_recall.nearest_distance(x, y.split(40)).numpy(), to_y)
    among = NearestNeighbors(n_neighbors=4).fit(x.numpy()).kneighbors(x.numpy())[0][:, 1:]
    np.testing.assert_allclose(precision_recall.nearest_squared_distances(x, 3).sqrt().numpy(), among)


def test_precision_recall_density_and_coverage_are_their_definitions(monkeypatch):
    monkeypatch.setattr(precision_recall, "CHUNK_DISTANCES", 300)
    torch.manual_seed(1)
    real, fake = torch.randn(60, 2, dtype=torch.float64), 0.7 * torch.randn(50, 2, dtype=torch.float64)
    d, among_real, among_fake = torch.cdist(real, fake), torch.cdist(real, real), torch.cdist(fake, fake)
    ball = {k: among_real.sort(1).values[:, k] for k in (3, 5)}
    fake_ball = among_fake.sort(1).values[:, 3]
    found = {name: values.mean().item() for name, values in precision_recall.prdc(real, fake).items()}
    assert found["precision"] == pytest.approx((d <= ball[3][:, None]).any(0).double().mean().item())
    assert found["recall"] == pytest.approx((d <= fake_ball).any(1).double().mean().item())
    assert found["density"] == pytest.approx((d <= ball[5][:, None]).sum().item() / (5 * 50))
    assert found["coverage"] == pytest.approx((d <= ball[5][:, None]).any(1).double().mean().item())
    with pytest.raises(ValueError, match="the 5 nearest others need 6"):
        precision_recall.prdc(real[:5], fake)


def test_density_and_coverage_of_one_distribution_are_what_is_expected():
    """Naeem et al.: density 1 on average; a ball of k neighbours among N misses M fakes as often as ranks say."""
    torch.manual_seed(0)
    n, m, k = 120, 80, 5
    found = [precision_recall.prdc(*torch.randn(n + m, 3, dtype=torch.float64).split([n, m])) for _ in range(150)]
    density = np.array([f["density"].mean() for f in found])
    coverage = np.array([f["coverage"].mean() for f in found])
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    assert abs(density.mean() - 1) < 4 * density.std() / math.sqrt(150)
    assert abs(coverage.mean() - expected) < 4 * coverage.std() / math.sqrt(150)


def test_no_tensor_of_a_search_outgrows_the_limit(monkeypatch):
    monkeypatch.setattr(precision_recall, "CHUNK_DISTANCES", 2_000)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            tensors = out if isinstance(out, tuple | list) else [out]
            largest = max([largest, *(t.untyped_storage().nbytes() // 8 for t in tensors if torch.is_tensor(t))])
            return out

    x, y = torch.randn(400, 2, dtype=torch.float64), torch.randn(300, 2, dtype=torch.float64)
    with Watch():
        precision_recall.prdc(x, y)
        precision_recall.nearest_distance(x, y.split(50))
    assert largest <= 400 * 6  # the five nearest of each, itself and one more; a full matrix has 120,000


def test_the_classifier_is_kept_known_by_its_hash_and_made_again_when_damaged(digits):
    made = feature_extractor.default_features(digits)
    place = feature_extractor._cache_path(digits, 0)
    assert place.is_file()
    assert "right on held-out pictures" in str(made)
    assert float(str(made).split(" % ")[0].split()[-1]) > 90
    before = place.stat().st_mtime_ns
    assert str(feature_extractor.default_features(digits)) == str(made)
    assert place.stat().st_mtime_ns == before
    tensors, about = serialization.read(place)
    tensors["body.0.weight"] = tensors["body.0.weight"] + 1e-3
    serialization.save(place, tensors, about)
    assert feature_extractor.default_features(digits).hash == made.hash
    assert serialization.read(place)[0]["body.0.weight"].equal(made.network.body[0].weight)


def test_features_have_mean_zero_and_variance_one_over_the_training_pictures(digits):
    found = feature_extractor.default_features(digits)([digits.train.first(2000).x])
    assert found.mean(0).abs().max() < 0.15
    assert found.var(0).mean() == pytest.approx(1, abs=0.1)


def test_without_labels_the_convolutions_are_random_and_say_so(digits):
    data = er.load_data(digits.train.x.numpy())
    made = feature_extractor.default_features(data)
    assert "random convolutions" in str(made)
    assert made.hash != feature_extractor.default_features(data, seed=1).hash
    found = made([data.train.first(1000).x])
    assert found.var(0).mean() == pytest.approx(1, abs=0.15)


def test_large_pictures_and_colour_go_through_the_same_network():
    network = feature_extractor.FeatureNetwork(3, 4).eval()
    assert network(torch.rand(2, 3, 90, 40)).shape == (2, 64)


def test_features_of_ones_own_are_refused_where_they_are_no_vectors():
    with pytest.raises(ValueError, match="expected one vector each"):
        feature_extractor.Features(torch.nn.Flatten(0))([torch.zeros(2, 1, 4, 4)])
    with pytest.raises(ValueError, match="not all finite"):
        feature_extractor.Features(torch.nn.Identity())([torch.full((2, 3), math.nan)])
    with pytest.raises(ValueError, match="not pictures"):
        feature_extractor.default_features(er.load_data(np.zeros((50, 9))))


def test_every_distance_stands_beside_its_floor_with_its_protocol(digits):
    figures = er.evaluate(vae(), digits, metrics="images")
    mark = feature_extractor.default_features(digits).hash
    for name in ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"):
        sample, floor = figures[name], figures[name + "_floor"]
        assert mark in sample.estimator
        assert mark in floor.estimator
        assert sample.examples == floor.examples == len(digits.test)
        assert sample.standard_error is not None
        assert floor.value < sample.value if name.endswith("distance") else floor.value > sample.value
    assert abs(figures["kernel_distance_floor"].value) < 5 * figures["kernel_distance_floor"].standard_error
    assert "as the pictures are 8x8" in figures["ssim"].estimator


def test_figures_are_the_same_in_any_batch_size_and_again(digits):
    model = vae()
    a, b = (er.evaluate(model, digits, metrics="images", batch_size=size) for size in (359, 17))
    assert list(a) == list(b)
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-5), name


def test_judged_on_train_the_floor_is_taken_from_other_training_examples(digits):
    """Were they the same, the distance would be zero and everything covered."""
    figures = er.evaluate(vae(), digits, metrics="images", split="train")
    assert figures["frechet_distance_floor"].examples == len(digits.train) // 2
    assert figures["frechet_distance_floor"].value > 0.01
    assert figures["coverage_floor"].value < 1
    assert figures["closer_to_train"].value is None
    assert "not trained on" in figures["closer_to_train"].note


class Copies(er.Model):
    """A model whose samples are given pictures."""

    pictures: torch.Tensor

    def sample(self, n=1, c=None, z=None):
        return self.pictures[torch.randint(len(self.pictures), (n,))]


def copies(pictures):
    model = vae()
    made = Copies(model.encoder, model.decoder, model.prior)
    made.pictures = pictures
    return made


def test_a_model_that_repeats_training_examples_is_found_out(digits):
    """One that repeats examples held out is not. In features both look as good as the data, hence the question."""
    copied = er.evaluate(copies(digits.train.first(2000).x), digits, metrics="images")
    fresh = er.evaluate(copies(digits.validation.first(2000).x), digits, metrics="images")
    assert copied["closer_to_train"].value > 0.999
    assert copied["near_copies"].value == 1
    assert fresh["closer_to_train"].value == pytest.approx(0.5, abs=0.12)
    assert fresh["near_copies"].value < 0.08
    assert copied["coverage"].value > 0.7 * copied["coverage_floor"].value


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (lambda d: (er.recipes.autoencoder(d.shape)[0], d), "frechet_distance", "no prior"),
        (lambda d: (er.recipes.vae((9,), likelihood="gaussian")[0], np.random.rand(90, 9)), "ssim", "not pictures"),
        (
            lambda d: (vae(likelihood="gaussian"), er.load_data(3 * d.train.x.float().numpy() / 255)),
            "psnr",
            "outside [0, 1], as 3",
        ),
    ],
)
def test_what_is_undefined_says_why(digits, make, name, words):
    model, data = make(digits)
    figure = er.evaluate(model, data, metrics="images")[name]
    assert figure.value is None
    assert words.split(", as")[0] in figure.note


def test_few_examples_have_no_distribution(digits):
    data = er.load_data(digits.train.x[:60].numpy())
    figures = er.evaluate(vae(), data, metrics="images")
    assert "needs at least 20 examples, the split has 6" in figures["frechet_distance"].note


def test_a_network_of_ones_own_takes_the_place_of_the_recorded_one(digits):
    """In a single feature, the mean of the pixels, the Fréchet distance is that of two univariate normals."""

    class Ink(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).mean(1, keepdim=True)

    model = copies(digits.validation.first(2000).x)
    figures = er.evaluate(model, digits, metrics=["error", er.image_suite(Ink(), examples=300)])
    floor = figures["frechet_distance_floor"]
    assert "300 of train" in floor.estimator
    order = {
        name: torch.randperm(len(s), generator=torch.Generator().manual_seed(0))[:300]
        for name, s in (("train", digits.train), ("test", digits.test))
    }
    ink = [digits.splits[name].gather(index).x.flatten(1).mean(1).double() for name, index in order.items()]
    expected = (ink[0].mean() - ink[1].mean()) ** 2 + (ink[0].std() - ink[1].std()) ** 2
    assert floor.value == pytest.approx(expected.item(), rel=1e-5)
    with pytest.raises(ValueError, match="give examples=10 or more"):
        er.image_suite(Ink(), examples=5)


def test_training_lowers_every_distance(digits, tmp_path):
    model, objective = er.recipes.vae(digits.shape, latent=8)
    before = er.evaluate(model, digits, metrics="images")
    er.fit(model, objective, digits, epochs=15, lr=3e-3, out=tmp_path / "run", device="cpu")
    after = er.evaluate(model, digits, metrics="images")
    assert after["ssim"].value > before["ssim"].value + 0.3
    assert after["psnr"].value > before["psnr"].value + 3
    for name in ("frechet_distance", "kernel_distance"):
        assert after[name].value < before[name].value / 2
    assert after["coverage"].value > before["coverage"].value


@pytest.mark.slow
def test_blocks_of_the_kernel_distance_agree_with_a_permutation_test():
    """At the size of an evaluation: z-scores of equal distributions are standard normal."""
    torch.manual_seed(0)
    z = []
    for _ in range(60):
        value, error = fid_kid.kernel_distance(*torch.randn(2, 2000, 8, dtype=torch.float64))
        z.append(value / error)
    assert stats.kstest(z, stats.t(9).cdf).pvalue > 0.001


def test_some_examples_of_a_stream_are_its_first_and_picks_share_none(digits):
    from torch.utils.data import DataLoader, TensorDataset

    from elbowroom.data.splits.memory import random_batches

    x = torch.arange(100.0)[:, None]
    stream = er.load_data(DataLoader(TensorDataset(x), batch_size=16), validation=0, test=0).train
    first, then = (torch.cat([b.x for b in random_batches(stream, 30, 0, skip=at)]).flatten() for at in (0, 30))
    assert first.tolist() == list(range(30))
    assert then.tolist() == list(range(30, 60))
    first, then = (torch.cat([b.index for b in random_batches(digits.test, 200, 0, skip=at)]) for at in (0, 200))
    assert not set(first.tolist()) & set(then.tolist())
    assert len(first) + len(then) == len(digits.test)
