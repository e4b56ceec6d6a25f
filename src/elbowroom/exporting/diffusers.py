"""Export of a run of ``autoencoder_kl`` as a folder that ``diffusers.AutoencoderKL.from_pretrained`` loads."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import serialization
from elbowroom.exporting.description import describe_inputs, example_inputs, weights_hash
from elbowroom.exporting.export import ExportedFile
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.exporting.hub_card import CARD_FILE, card_head, card_templates
from elbowroom.exporting.latent_statistics import MAX_EXAMPLES, LatentStatistics, measure_latents
from elbowroom.families import DiagonalNormal
from elbowroom.families.location_scale import LocationScale
from elbowroom.models.base import GenerativeModel
from elbowroom.networks.kl import KLDecoder, KLEncoder, KLStructure
from elbowroom.reporting import summary
from elbowroom.runs.diffusers import BLOCK_TYPES, CLASS_NAME, CONFIG_FILE, WEIGHTS_FILE, to_diffusers
from elbowroom.runs.run import Run

#: Examples on which the folder is compared with the run, where diffusers is installed.
COMPARED_EXAMPLES = 16
#: The largest difference of a latent or a pixel, relative to the largest value, or to 1 where that is smaller.
MAX_RELATIVE_ERROR = 1e-5


def export_diffusers(
    run: Run | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    data: Any = None,
    *,
    license: str | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> list[ExportedFile]:
    r"""Export an autoencoder as a folder of diffusers: ``diffusers.AutoencoderKL.from_pretrained(folder)`` loads it.

    Pixels are in [−1, 1] there and in [0, 1] here: ``vae.encode(2 * x - 1).latent_dist`` is the posterior of x, and
    ``vae.decode(z).sample`` is 2 E[x|z] − 1. That is exact, at the borders of images too: the network kl computes with
    2x − 1 itself, and the last convolution is rescaled.

    ``scaling_factor`` is 1/σ, where σ is the standard deviation of all numbers of latents drawn from the posteriors of
    training examples, so that ``scaling_factor * z`` has unit variance (Rombach et al. 2022, arXiv 2112.10752);
    ``latents_mean`` and ``latents_std`` are those of each channel. The card says on how many they were measured.

    Args:
        run: the run, or its directory.
        folder: to write: ``config.json``, ``diffusion_pytorch_model.safetensors`` and ``README.md``.
        data: what it was trained on, if that was given as a Python object.
        license: of the model card, as "apache-2.0".
        max_examples: how many training examples to measure latents of, at most.

    Returns:
        The files; where diffusers is installed the folder was loaded by it and compared with the run.

    Raises:
        ValueError: the model is no such autoencoder, its data is not there, or the folder cannot be written.

    >>> import tempfile, elbowroom as er
    >>> data, folder = er.load_data("digits"), tempfile.mkdtemp()
    >>> recipe = er.recipes.autoencoder_kl(data.shape, channels=2, levels=1, widths=(8, 8))
    >>> run = er.fit(*recipe, data, steps=2, out=folder + "/run")
    >>> [file.path.name for file in er.export_diffusers(run, folder + "/vae")]
    ['config.json', 'diffusion_pytorch_model.safetensors', 'README.md']
    """
    view, folder = ExportedRun(run, data), Path(folder)
    model = view.model.cpu().eval()
    structure = require_autoencoder(view.run, model)
    statistics = measure_latents(model, view.data.train, max_examples)
    config = make_config(model, structure, statistics)
    measured = f"scaling factor {config['scaling_factor']:.4g}, measured on {statistics.n_examples:,} training examples"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        serialization.save(folder / WEIGHTS_FILE, to_diffusers(serialization.named_tensors(model)), {"format": "pt"})
        _write(folder / CONFIG_FILE, json.dumps(config, indent=2) + "\n")
        check = compare_with_diffusers(view, folder)
        _write(folder / CARD_FILE, _render_card(view, config, statistics, license, check))
    except OSError as error:
        raise ValueError(f"cannot write to {folder} ({error.strerror or error}): give another folder") from None
    return [
        ExportedFile(folder / CONFIG_FILE, measured),
        ExportedFile(folder / WEIGHTS_FILE, check),
        ExportedFile(folder / CARD_FILE, "how to load it, and what was measured"),
    ]


def require_autoencoder(run: Run, model: GenerativeModel) -> KLStructure:
    """Return the structure of the networks of a model that diffusers has a class for.

    Raises:
        ValueError: it is another model; the message says why, and what to train.
    """
    modules = dict(model.named_modules())
    encoder, decoder = (modules.get(f"{part}.net") for part in ("encoder", "decoder"))
    posterior = modules.get("encoder.family")
    if not isinstance(encoder, KLEncoder) or not isinstance(decoder, KLDecoder) or encoder.dims != 2:
        reason = "its networks are not those of kl, from images to maps"
    elif model.condition_size or encoder.other_shapes or decoder.other_shapes:
        reason = "its networks take labels"
    elif not isinstance(posterior, DiagonalNormal):
        reason = "its posterior is no diagonal normal"
    elif not isinstance(model.decoder.family, LocationScale):
        reason = (
            f"its likelihood is {model.decoder.family}, not laplace or gaussian, whose mean is the decoder's output"
        )
    elif any(side % 2 ** (len(encoder.structure.widths) - 1) for side in model.shape[1:]):
        reason = f"images of {'x'.join(map(str, model.shape[1:]))} do not halve evenly"
    else:
        return encoder.structure
    raise ValueError(f"{run.path} cannot be exported for diffusers, as {reason}: train the recipe autoencoder_kl")


def make_config(model: GenerativeModel, structure: KLStructure, statistics: LatentStatistics) -> dict[str, Any]:
    """Return the config of ``AutoencoderKL`` for a model."""
    channels, height, width = model.shape
    return {
        "_class_name": CLASS_NAME,
        "in_channels": channels,
        "out_channels": channels,
        **{name: [kind] * len(structure.widths) for name, kind in BLOCK_TYPES.items()},
        "block_out_channels": list(structure.widths),
        "layers_per_block": structure.layers,
        "norm_num_groups": structure.norm_groups,
        "act_fn": "silu",
        "latent_channels": model.latent_shape[0],
        "mid_block_add_attention": structure.attention,
        "use_quant_conv": structure.quant_conv,
        "use_post_quant_conv": structure.quant_conv,
        "sample_size": height if height == width else [height, width],
        "scaling_factor": 1 / statistics.total_std,
        "shift_factor": None,
        "latents_mean": statistics.mean.tolist(),
        "latents_std": statistics.std.tolist(),
        "force_upcast": True,
    }


@torch.no_grad()
def compare_with_diffusers(view: ExportedRun, folder: Path) -> str:
    """Return in words how far the folder, loaded by diffusers, is off the run.

    Raises:
        ValueError: by more than :data:`MAX_RELATIVE_ERROR`.
    """
    if importlib.util.find_spec("diffusers") is None:
        return "weights, not compared with the run, as diffusers is not installed"
    diffusers: Any = importlib.import_module("diffusers")
    vae = diffusers.AutoencoderKL.from_pretrained(folder, low_cpu_mem_usage=False).eval()
    x, _ = example_inputs(view, COMPARED_EXAMPLES)
    z = view.model.posterior(x).mean
    pairs = {
        "latent": (vae.encode(2 * x - 1).latent_dist.mode(), z),
        "pixel": (vae.decode(z).sample / 2 + 0.5, view.model.decode(z).mean),
    }
    errors = {name: _relative_error(*pair) for name, pair in pairs.items()}
    name, worst = max(errors.items(), key=lambda item: item[1])
    if not worst <= MAX_RELATIVE_ERROR:
        raise ValueError(
            f"a {name} of {folder}, loaded by diffusers, is off by {worst:.1e}: report it with recipe.json"
        )
    about = f"on {describe_inputs(view, COMPARED_EXAMPLES)}"
    return f"loaded by diffusers: latents and pixels off by at most {worst:.1e} {about}"


def _relative_error(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).abs().max() / expected.abs().max().clamp_min(1))


def _write(path: Path, text: str) -> None:
    with serialization.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _render_card(
    view: ExportedRun, config: dict[str, Any], statistics: LatentStatistics, license: str | None, check: str
) -> str:
    """Return the model card: how to load it, the measured moments, and the run that it comes from."""
    exported = [f"elbowroom_{name}: {value}" for name, value in _facts(view, statistics).items()]
    return (
        card_templates()
        .get_template("diffusers_card.md")
        .render(
            head=[*card_head("diffusers", license, ["autoencoder", "latent-diffusion"]), *exported],
            title=summary.run_title(view.run),
            sentence=summary.summary_sentence(view),
            config=config,
            shape=view.model.shape,
            statistics=statistics,
            check=check,
            tiles=summary.metric_tiles(view.run),
        )
    )


def _facts(view: ExportedRun, statistics: LatentStatistics) -> dict[str, Any]:
    """Return what the head of the card says of the run, beside what the hub knows."""
    return {
        "recipe": view.record["recipe"],
        "weights": f"blake2b {weights_hash(view.model)}",
        "step": view.run.weights_step,
        "measured_examples": statistics.n_examples,
        "latents_total_std": statistics.total_std,
    }
