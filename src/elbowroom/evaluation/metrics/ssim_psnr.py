"""How alike two pictures are, pixel by pixel and window by window."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Of the window that SSIM looks through: its side and the standard deviation of its Gaussian, in pixels.
WINDOW_SIDE_PX, WINDOW_SIGMA_PX = 11, 1.5


def psnr(x: Tensor, y: Tensor) -> Tensor:
    r"""Peak signal-to-noise ratio of pictures with values in [0, 1].

    .. math:: \mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}

    Args:
        x: (B, C, H, W).
        y: likewise.

    Returns:
        (B,), decibels; at most 100, which is what equal pictures get.

    >>> x = torch.zeros(1, 1, 4, 4)
    >>> psnr(x, x + 0.1)
    tensor([20.])
    """
    return -10 * (x - y).square().flatten(1).mean(1).clamp_min(1e-10).log10()


def ssim(x: Tensor, y: Tensor) -> Tensor:
    r"""Structural similarity of pictures with values in [0, 1] (Wang, Bovik, Sheikh & Simoncelli 2004).

    .. math:: \mathrm{SSIM} = \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},\quad c_1 = 0.01^2,\ c_2 = 0.03^2

    with moments weighted by a Gaussian window of 11x11 pixels and standard deviation 1.5, averaged over all places
    where the window fits, and over channels, each on its own.

    Args:
        x: (B, C, H, W).
        y: likewise.

    Returns:
        (B,), 1 where the pictures are equal.

    Deviation from the paper: where a picture is smaller than the window, the window is the largest odd square that fits
    (:func:`window_side`), so figures of small pictures are not comparable with those of large ones.

    >>> x = torch.rand(2, 3, 16, 16)
    >>> ssim(x, x)
    tensor([1., 1.])
    """
    side, channels = window_side(x.shape[-2:]), x.shape[1]
    place = torch.arange(side, dtype=x.dtype, device=x.device) - side // 2
    bell = (-(place**2) / (2 * WINDOW_SIGMA_PX**2)).exp()
    kernel = (bell[:, None] * bell / bell.sum() ** 2).expand(channels, 1, side, side)

    def over_window(picture: Tensor) -> Tensor:
        return F.conv2d(picture, kernel, groups=channels)

    mean_x, mean_y = over_window(x), over_window(y)
    var_x, var_y = over_window(x * x) - mean_x**2, over_window(y * y) - mean_y**2
    cov = over_window(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (luminance * structure).flatten(1).mean(1)


def window_side(size: torch.Size | tuple[int, ...]) -> int:
    """The side of SSIM's window for pictures of this height and width.

    >>> window_side((28, 28)), window_side((8, 9))
    (11, 7)
    """
    smallest = min(size)
    return min(WINDOW_SIDE_PX, smallest if smallest % 2 else smallest - 1)
