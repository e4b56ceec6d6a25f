"""SSIM against a loop over windows, PSNR against closed forms."""

import numpy as np
import pytest
import torch

from elbowroom.evaluation.metrics import ssim_psnr


def reference_ssim(x, y, side):
    """The formula of Wang et al., window by window, in numpy."""
    offset = np.arange(side) - side // 2
    gaussian = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    gaussian /= gaussian.sum()
    values = []
    for a, b in zip(x, y, strict=True):
        for i in range(a.shape[0] - side + 1):
            for j in range(a.shape[1] - side + 1):
                p, q = a[i : i + side, j : j + side], b[i : i + side, j : j + side]
                mean_p, mean_q = (gaussian * p).sum(), (gaussian * q).sum()
                var_p, var_q = (gaussian * (p - mean_p) ** 2).sum(), (gaussian * (q - mean_q) ** 2).sum()
                cov = (gaussian * (p - mean_p) * (q - mean_q)).sum()
                numerator = (2 * mean_p * mean_q + 1e-4) * (2 * cov + 9e-4)
                values.append(numerator / ((mean_p**2 + mean_q**2 + 1e-4) * (var_p + var_q + 9e-4)))
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
