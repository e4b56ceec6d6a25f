"""Structural similarity (SSIM) and peak signal-to-noise ratio (PSNR) of images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Side of SSIM's window.
WINDOW_SIDE_PX = 11
#: Standard deviation of SSIM's Gaussian window.
WINDOW_SIGMA_PX = 1.5


def psnr(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the peak signal-to-noise ratio of images with values in [0, 1].

    .. math:: \mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}

    Args:
        x: (B, C, H, W).
        y: likewise.

    Returns:
        (B,), decibels; at most 100, the value for equal images.

    >>> x = torch.zeros(1, 1, 4, 4)
    >>> psnr(x, x + 0.1)
    tensor([20.])
    """
    return -10 * (x - y).square().flatten(1).mean(1).clamp_min(1e-10).log10()


def ssim(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the structural similarity of images with values in [0, 1] (Wang, Bovik, Sheikh & Simoncelli 2004).

    .. math:: \mathrm{SSIM} = \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},\quad c_1 = 0.01^2,\ c_2 = 0.03^2

    with moments weighted by a Gaussian window of 11x11 pixels and standard deviation 1.5, averaged over all
    positions where the window fits, and over channels.

    Args:
        x: (B, C, H, W).
        y: likewise.

    Returns:
        (B,), 1 for equal images.

    Deviation from the paper: for an image smaller than the window, the window is the largest odd square that fits
    (:func:`window_side`), so the SSIM of small images is not comparable with that of large ones.

    >>> x = torch.rand(2, 3, 16, 16)
    >>> ssim(x, x)
    tensor([1., 1.])
    """
    side, channels = window_side(x.shape[-2:]), x.shape[1]
    offset = torch.arange(side, dtype=x.dtype, device=x.device) - side // 2
    gaussian = (-(offset**2) / (2 * WINDOW_SIGMA_PX**2)).exp()
    kernel = (gaussian[:, None] * gaussian / gaussian.sum() ** 2).expand(channels, 1, side, side)

    def window_mean(image: Tensor) -> Tensor:
        return F.conv2d(image, kernel, groups=channels)

    mean_x, mean_y = window_mean(x), window_mean(y)
    var_x, var_y = window_mean(x * x) - mean_x**2, window_mean(y * y) - mean_y**2
    cov = window_mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (luminance * structure).flatten(1).mean(1)


def window_side(size: torch.Size | tuple[int, ...]) -> int:
    """Return the side of SSIM's window for images of this height and width.

    >>> window_side((28, 28)), window_side((8, 9))
    (11, 7)
    """
    smallest = min(size)
    return min(WINDOW_SIDE_PX, smallest if smallest % 2 else smallest - 1)
