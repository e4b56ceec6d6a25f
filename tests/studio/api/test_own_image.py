"""Own image: the model's reconstruction and latent, the score's percentile, the nearest examples."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import elbowroom as er
from elbowroom.evaluation import anomaly_scores
from elbowroom.latent import find_nearest_examples
from elbowroom.studio.services.loaded_model import NUM_POSTERIOR_SAMPLES
from tests.studio.helpers import encode_image, post, to_base64


@pytest.fixture
def client(trained_client):
    return trained_client


def decode_data_url(url):
    media_type, _, text = url.partition(",")
    assert media_type == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_an_example_of_the_data_is_its_own_nearest_neighbor(client, trained_runs, digits):
    x = digits.train.x[5]
    response = post(client, "own", run="vae", png=to_base64(encode_image(Image.fromarray(x[0].numpy())))).json()
    np.testing.assert_array_equal(decode_data_url(response["x"]), x[0])
    assert (response["neighbours"][0]["index"], response["neighbours"][0]["distance"]) == (5, 0.0)
    assert response["neighbours"][0]["label"] == str(int(digits.train.y[5]))
    assert len(response["neighbours"]) == 6
    np.testing.assert_array_equal(decode_data_url(response["neighbours"][0]["png"]), x[0])
    model, one = er.load(trained_runs / "vae"), x[None].float() / 255
    np.testing.assert_allclose(response["z"], model.encode(one)[0], rtol=1e-4, atol=1e-6)
    expected = (model.reconstruct(one)[0, 0] * 255).round()
    assert np.abs(decode_data_url(response["reconstruction"]) - expected.numpy()).max() <= 1
    nearest = find_nearest_examples(one, digits.train, 6)
    assert [neighbor["index"] for neighbor in response["neighbours"]] == nearest.index[0].tolist()


def test_the_score_and_its_percentile_are_those_of_the_evaluation(client, trained_runs, digits):
    x = digits.test.x[3].float() / 255
    response = post(
        client, "own", run="vae", png=to_base64(encode_image(Image.fromarray(digits.test.x[3, 0].numpy())))
    ).json()
    model, score = er.load(trained_runs / "vae"), response["score"]
    own_score = anomaly_scores(model, x[None].numpy(), "elbo", samples=NUM_POSTERIOR_SAMPLES)
    assert score["value"] == pytest.approx(float(own_score), rel=1e-5)
    assert response["elbo"] == pytest.approx(-float(own_score), rel=1e-5)
    reference = anomaly_scores(model, digits.test, "elbo", samples=NUM_POSTERIOR_SAMPLES)
    assert score["percentile"] == pytest.approx(100 * float((reference < own_score).double().mean()), abs=0.5)


def test_noise_is_more_anomalous_than_digits(client):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    response = post(client, "own", run="vae", png=to_base64(encode_image(Image.fromarray(noise)))).json()
    assert response["score"]["percentile"] > 99
    assert "higher than all of 359 test examples" in response["score"]["about"]
