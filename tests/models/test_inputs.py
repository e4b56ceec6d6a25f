"""What models take as people hold it: bytes, arrays, lists, tables and names of classes."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

import elbowroom as er
from tests.views import image_and_digit

#: What takes examples: from a model and examples to a tensor.
ENTRIES = {
    "encode": lambda model, x: model.encode(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "posterior": lambda model, x: model.posterior(x).mean,
    "draw": lambda model, x: model.draw(x).q.mean,
    "draw_reconstructions": lambda model, x: model.draw_reconstructions(x, draw=False),
}
CHECKED = ("encode", "reconstruct", "draw_reconstructions")


def fit(data, folder, recipe="vae", **arguments):
    made = getattr(er.recipes, recipe)(data.shape, latent=2, hidden=(8,), **arguments)
    return er.fit(*made, data, steps=2, batch_size=16, out=folder, report=False)


@pytest.fixture(scope="module")
def pixel_model(digits, tmp_path_factory):
    return er.load(fit(digits, tmp_path_factory.mktemp("pixels") / "run"))


def forms(digits):
    """The same nine images in the forms that people hold."""
    stored = digits.test.x[:9]
    return {
        "bytes": stored,
        "numpy bytes": stored.numpy(),
        "int64": stored.long(),
        "without channels": stored[:, 0].numpy(),
        "numpy floats of 0 to 1": (stored / 255).numpy(),
        "numpy floats of 0 to 255": stored.numpy().astype(np.float64),
        "lists": stored[:, 0].tolist(),
    }


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("form", ["bytes", "numpy bytes", "int64", "without channels", "lists"])
def test_the_same_images_in_any_form_have_the_same_latents(pixel_model, digits, entry, form):
    results = []
    for x in (digits.test.first(9).x, forms(digits)[form]):
        torch.manual_seed(0)
        results.append(ENTRIES[entry](pixel_model, x))
    assert torch.equal(*results)


@pytest.mark.parametrize("form", ["numpy floats of 0 to 1", "numpy floats of 0 to 255"])
def test_floats_of_either_scale_have_the_same_latents(pixel_model, digits, form):
    assert torch.allclose(
        pixel_model.encode(forms(digits)[form]), pixel_model.encode(digits.test.first(9).x), atol=1e-6
    )


@pytest.mark.parametrize("entry", CHECKED)
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x * 255, r"value \d+ in example 0 is outside \[0, 1\], the range of Bernoulli"),
        (lambda x: x.index_fill(0, torch.tensor([3]), torch.nan), "value nan in example 3 is outside"),
        (lambda x: x.flatten(1), r"x has shape 9x64; this model's examples are 1x8x8: give \(N, 1, 8, 8\)"),
    ],
)
def test_values_that_the_likelihood_does_not_cover_are_refused(pixel_model, digits, entry, spoil, words):
    with pytest.raises(ValueError, match=words):
        ENTRIES[entry](pixel_model, spoil(digits.test.first(9).x))


def test_without_training_data_bytes_are_pixels_and_whole_numbers_are_unknown(digits):
    model, _ = er.recipes.vae(digits.shape, latent=2)
    x = digits.test.x[:9]
    assert torch.equal(model.encode(x), model.encode(x / 255))
    with pytest.raises(ValueError, match="what whole numbers stand for"):
        model.encode(x.long())


def test_bits_of_a_run_are_bits_in_any_form(digits, tmp_path):
    bits = (digits.test.x[:100] > 127).numpy()
    model = er.load(fit(er.load_data(bits), tmp_path / "run"))
    right = model.encode(torch.from_numpy(bits).float())
    for form in (bits, bits.astype(np.uint8), bits * np.uint8(255)):
        assert torch.equal(model.encode(form), right)


def test_a_model_of_a_table_takes_a_data_frame(tmp_path):
    frame = pd.DataFrame({"size": np.linspace(100, 200, 60), "color": ["red", "blue"] * 30})
    run = fit(er.load_data(frame), tmp_path / "run")
    model = er.load(run)
    coded = model.code_examples(frame.iloc[:5])
    assert coded[:, 1].tolist() == [1, 0, 1, 0, 1]
    assert torch.equal(model.encode(frame.iloc[:5]), model.encode(coded))
    with pytest.raises(ValueError, match="an array has no columns"):
        model.encode(np.zeros((2, 2)))


@pytest.mark.parametrize("recipe", ["vae", "ladder_vae", "m2"])
@pytest.mark.parametrize("z", [[[0, 0], [1, 0.5]], np.array([[0, 0], [1, 0.5]]), torch.tensor([[0, 0], [1, 0.5]])])
def test_latents_are_taken_as_lists_and_arrays(recipe, z):
    arguments = {"labels": 3} if recipe == "m2" else {}
    model = getattr(er.recipes, recipe)((1, 4, 4), latent=(4, 2) if recipe == "ladder_vae" else 2, **arguments)[0]
    assert model.decode(z).mean.shape == model.sample(z=z).shape == (2, 1, 4, 4)


def test_latents_of_another_size_are_refused():
    model, _ = er.recipes.vae((1, 4, 4), latent=2)
    for z in ([[0, 0, 0]], [0.0]):
        with pytest.raises(ValueError, match="this model's latents have 2: give 2 each"):
            model.decode(z)
    with pytest.raises(ValueError, match="holds no numbers of one shape"):
        model.decode([[0], [0, 1]])


def test_classes_are_named_as_in_training(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    model = er.load(fit(er.load_data((x, ["cat", "dog"] * 30)), tmp_path / "run", "cvae", labels=2))
    z = torch.zeros(2, 2)
    by_number = model.sample(z=z, c=torch.tensor([1, 1]))
    for c in ("dog", ["dog", "dog"], 1, [1, 1], np.array([1, 1])):
        assert torch.equal(model.sample(z=z, c=c), by_number)
        assert torch.equal(model.decode(z, c=c).mean, by_number)
    assert model.encode(x[:2], "cat").shape == (2, 2)
    with pytest.raises(ValueError, match="unknown class 'owl'"):
        model.sample(2, c="owl")


def test_a_model_with_its_data_is_copied_and_saved(pixel_model, digits, tmp_path):
    torch.save(pixel_model, tmp_path / "model.pt")
    for other in (copy.deepcopy(pixel_model), torch.load(tmp_path / "model.pt", weights_only=False)):
        assert torch.equal(other.encode(digits.test.x[:3]), pixel_model.encode(digits.test.x[:3]))


@pytest.mark.parametrize("n", [-1, 1.5, "3", [[0.0, 0.0], [1.0, -1.0]]])
def test_what_is_no_number_of_samples_is_refused(pixel_model, n):
    with pytest.raises(ValueError, match=r"n is how many to draw.*latents are given as z="):
        pixel_model.sample(n)
    assert len(pixel_model.sample(np.int64(2))) == 2


VIEW_INPUTS = {
    "a class that is not": ({"digit": np.array([1, 77])}, "view 'digit' has the class 77: expected 0 to 9"),
    "half a class": ({"digit": np.array([1.5])}, "view 'digit' has the class 1.5"),
    "no class": ({"digit": np.array([-2])}, "view 'digit' has the class -2: .* -1 where it is missing"),
    "names": ({"digit": ["a"]}, "view 'digit' holds no numbers of one shape, got list"),
    "columns": ({"digit": np.zeros((2, 3))}, "view 'digit' has shape 2x3: expected 2x1"),
    "pixels as floats": ({"image": np.full((1, 8, 8), 255.0)}, "value 255 in example 0 of view 'image' is outside"),
}


@pytest.mark.parametrize(("views", "words"), VIEW_INPUTS.values(), ids=VIEW_INPUTS)
def test_values_that_a_view_cannot_have_are_refused(views, words):
    model, _ = er.recipes.mvae(image_and_digit(), latent=2, hidden=(8,))
    for take in (model.encode, model.reconstruct):
        with pytest.raises(ValueError, match=words):
            take(views)


def test_a_class_of_minus_one_is_missing():
    model, _ = er.recipes.mvae(image_and_digit(), latent=2, hidden=(8,))
    image = np.random.default_rng(0).random((3, 8, 8))
    with_gaps = {"image": image, "digit": np.array([-1, 4, -1])}
    z, alone = model.encode(with_gaps), model.encode({"image": image})
    torch.testing.assert_close(z[[0, 2]], alone[[0, 2]])
    assert not torch.allclose(z[1], alone[1])
    assert not model.encode({"digit": [-1]}).any()
