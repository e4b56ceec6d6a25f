"""MS-SSIM against the paper's formula scale by scale, its gradient, and the loss made of it."""

import pytest
import torch
import torch.nn.functional as F

import elbowroom as er
from elbowroom.objectives.structural import SCALE_WEIGHTS, count_scales, ms_ssim, ssim


def windows(image):
    """Gaussian means of 11x11 pixels, by unfolding; the image is (H, W)."""
    offset = torch.arange(11.0, dtype=torch.float64) - 5
    gaussian = (-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2)).exp()
    return (image.unfold(0, 11, 1).unfold(1, 11, 1) * gaussian / gaussian.sum()).sum((-1, -2))


def reference(x, y, scales):
    """Wang, Simoncelli & Bovik 2003, for one channel."""
    value = torch.ones((), dtype=torch.float64)
    for j in range(scales):
        mean_x, mean_y = windows(x), windows(y)
        var_x, var_y = windows(x * x) - mean_x**2, windows(y * y) - mean_y**2
        structure = (2 * (windows(x * y) - mean_x * mean_y) + 9e-4) / (var_x + var_y + 9e-4)
        luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
        compared = structure * luminance if j == scales - 1 else structure
        value = value * compared.mean() ** (SCALE_WEIGHTS[j] / sum(SCALE_WEIGHTS[:scales]))
        x, y = (F.avg_pool2d(image[None, None], 2)[0, 0] for image in (x, y))
    return value


@pytest.mark.parametrize(("size", "scales"), [((23, 25), 2), ((45, 50), 3), ((176, 180), 5)])
def test_ms_ssim_is_the_papers_formula(size, scales):
    torch.manual_seed(0)
    x = torch.rand(2, 2, *size, dtype=torch.float64)
    y = (x + 0.1 * torch.rand_like(x)).clamp(0, 1)
    assert count_scales(size) == scales
    expected = [sum(reference(a[c], b[c], scales) for c in range(2)) / 2 for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(ms_ssim(x, y), torch.stack(expected))


def test_with_one_scale_it_is_ssim():
    torch.manual_seed(0)
    x, y = torch.rand(3, 3, 16, 12), torch.rand(3, 3, 16, 12)
    torch.testing.assert_close(ms_ssim(x, y), ssim(x, y))
    torch.testing.assert_close(ms_ssim(x, 1 - x, 1), ssim(x, 1 - x))


@pytest.mark.parametrize("make", [torch.ones_like, torch.zeros_like, lambda x: 1 - x])
def test_its_gradient_is_finite_for_images_of_one_color_and_for_opposites(make):
    x = torch.rand(2, 1, 28, 28)
    y = make(x).requires_grad_()
    value = ms_ssim(x, y)
    value.sum().backward()
    assert ((value >= 0) & (value <= 1)).all()
    assert y.grad.isfinite().all()


def test_the_term_is_the_mean_over_samples_and_examples(digits):
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))
    draw = model.draw(digits.train.first(5).x, k=3)
    term = er.StructuralSimilarity((1, 8, 8))
    value = term(draw, torch.tensor(0))
    expected = 1 - torch.stack([ssim(draw.p.mean[k], draw.x) for k in range(3)]).mean()
    torch.testing.assert_close(value, expected)
    value.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    assert draw.terms["structural_similarity"] == value


@pytest.mark.parametrize(
    ("shape", "scales", "reason"), [((9,), None, "is of images"), ((1, 28, 28), 3, "3 scales of images of 28x28")]
)
def test_it_says_which_images_it_is_for(shape, scales, reason):
    with pytest.raises(ValueError, match=reason):
        er.StructuralSimilarity(shape, scales)
