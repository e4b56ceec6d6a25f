"""The suite of image metrics: floors, copies of training examples, undefined metrics."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.metrics import feature_extractor


def make_vae(shape=(1, 8, 8), **arguments):
    torch.manual_seed(0)
    return er.recipes.vae(shape, **({"latent": 2} | arguments))[0]


def test_every_distance_has_a_floor_and_its_protocol(digits):
    metrics = er.evaluate(make_vae(), digits, metrics="images")
    feature_hash = feature_extractor.default_features(digits).hash
    for name in ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"):
        sample, floor = metrics[name], metrics[name + "_floor"]
        assert feature_hash in sample.estimator
        assert feature_hash in floor.estimator
        assert sample.examples == floor.examples == len(digits.test)
        assert sample.standard_error is not None
        assert floor.value < sample.value if name.endswith("distance") else floor.value > sample.value
    assert abs(metrics["kernel_distance_floor"].value) < 5 * metrics["kernel_distance_floor"].standard_error
    assert "as the images are 8x8" in metrics["ssim"].estimator


def test_metrics_are_the_same_in_any_batch_size(digits):
    model = make_vae()
    a, b = (er.evaluate(model, digits, metrics="images", batch_size=size) for size in (359, 17))
    assert list(a) == list(b)
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-5), name


def test_on_train_the_floor_is_measured_on_other_training_examples(digits):
    """With the same ones the distance would be 0 and the coverage 1."""
    metrics = er.evaluate(make_vae(), digits, metrics="images", split="train")
    assert metrics["frechet_distance_floor"].examples == len(digits.train) // 2
    assert metrics["frechet_distance_floor"].value > 0.01
    assert metrics["coverage_floor"].value < 1
    assert metrics["closer_to_train"].value is None
    assert "not trained on" in metrics["closer_to_train"].note


class CopyingModel(er.Model):
    """A model that samples from given images."""

    images: torch.Tensor

    def sample(self, n=1, c=None, z=None):
        return self.images[torch.randint(len(self.images), (n,))]


def make_copying_model(images):
    model = make_vae()
    copying = CopyingModel(model.encoder, model.decoder, model.prior)
    copying.images = images
    return copying


def test_a_model_that_copies_training_examples_is_detected(digits):
    """One that copies held-out examples is not, though both are as good in features."""
    copied = er.evaluate(make_copying_model(digits.train.first(2000).x), digits, metrics="images")
    fresh = er.evaluate(make_copying_model(digits.validation.first(2000).x), digits, metrics="images")
    assert copied["closer_to_train"].value > 0.999
    assert copied["near_copies"].value == 1
    assert fresh["closer_to_train"].value == pytest.approx(0.5, abs=0.12)
    assert fresh["near_copies"].value < 0.08
    assert copied["coverage"].value > 0.7 * copied["coverage_floor"].value


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (lambda d: (er.recipes.autoencoder(d.shape)[0], d), "frechet_distance", "no prior"),
        (lambda d: (er.recipes.vae((9,), likelihood="gaussian")[0], np.random.rand(90, 9)), "ssim", "not images"),
        (
            lambda d: (make_vae(likelihood="gaussian"), er.load_data(3 * d.train.x.float().numpy() / 255)),
            "psnr",
            "outside [0, 1], as 3",
        ),
    ],
)
def test_undefined_metrics_say_why(digits, make, name, words):
    model, data = make(digits)
    metric = er.evaluate(model, data, metrics="images")[name]
    assert metric.value is None
    assert words.split(", as")[0] in metric.note


def test_few_examples_have_no_distance(digits):
    data = er.load_data(digits.train.x[:60].numpy())
    metrics = er.evaluate(make_vae(), data, metrics="images")
    assert "needs at least 20 examples, the split has 6" in metrics["frechet_distance"].note


def test_your_own_network_replaces_the_default_features(digits):
    """In a single feature, the mean of the pixels, the Fréchet distance is that of two univariate normals."""

    class Ink(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1).mean(1, keepdim=True)

    model = make_copying_model(digits.validation.first(2000).x)
    metrics = er.evaluate(model, digits, metrics=["reconstruction", er.image_suite(Ink(), examples=300)])
    floor = metrics["frechet_distance_floor"]
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
