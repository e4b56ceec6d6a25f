"""Folders of pythae: model_config.json and model.pt, of models with its default networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom.runs.foreign.registry import (
    CheckpointTensors,
    ForeignModel,
    Shape,
    foreign_format,
    linear_layers,
    read_tensors,
)

CONFIG_FILE = "model_config.json"
WEIGHTS_FILE = "model.pt"
#: Recipes by the name of a config, with the arguments that it decides, by their names there.
RECIPES: dict[str, tuple[str, dict[str, str]]] = {
    "AEConfig": ("autoencoder", {}),
    "VAEConfig": ("vae", {}),
    "BetaVAEConfig": ("beta_vae", {"beta": "beta"}),
    "IWAEConfig": ("iwae", {"number_samples": "k"}),
    "WAE_MMD_Config": ("wae_mmd", {}),
    "RAE_L2_Config": ("rae_l2", {}),
    "RAE_GP_Config": ("rae_gp", {}),
}
#: Models that differ from the VAE in their training alone.
TRAINED_OTHERWISE = (
    *("DisentangledBetaVAEConfig", "BetaTCVAEConfig", "FactorVAEConfig", "INFOVAE_MMD_Config", "MSSSIM_VAEConfig"),
    *("CIWAEConfig", "MIWAEConfig", "PIWAEConfig"),
)
#: Modules that such a model has for its training alone: the discriminator of FactorVAE.
TRAINING_ONLY = ("discriminator.",)
LIKELIHOODS = {"bce": "bernoulli", "mse": "sigmoid-gaussian:1"}


def is_pythae(path: Path) -> bool:
    """Return whether a path is a folder that pythae saved."""
    return (path / CONFIG_FILE).is_file() and (path / WEIGHTS_FILE).is_file()


@foreign_format("pythae", "a folder of pythae, with its default networks", matches=is_pythae)
def read_pythae(path: Path, shape: Shape | None) -> ForeignModel:
    """Read a folder as the recipe of its model, with one hidden layer of 512.

    Its likelihoods are ``bernoulli`` for ``bce`` and, for ``mse``, a normal of scale 1 whose mean is the sigmoid of
    the network's output. A model that differs from the VAE in its objective alone is read as ``vae``. The weights of
    other terms, as of the MMD, are those of the recipe: pythae's are of other units.

    Raises:
        ValueError: networks of one's own, which pythae saves as code; another model; damaged files; further tensors.
    """
    config = read_config(path)
    if config["name"] in TRAINED_OTHERWISE:
        recipe, own = RECIPES["VAEConfig"]
    elif config["name"] in RECIPES:
        recipe, own = RECIPES[config["name"]]
    else:
        known = ", ".join(name.removesuffix("Config").removesuffix("_") for name in (*RECIPES, *TRAINED_OTHERWISE))
        raise ValueError(f"{path} holds a {config['name']}: models of {known} can be read")
    weights = rename_weights(CheckpointTensors(read_tensors(path / WEIGHTS_FILE), path))
    arguments = {"latent": config["latent_dim"], "hidden": (512,)}
    arguments |= {"likelihood": LIKELIHOODS[config.get("reconstruction_loss", "mse")]}
    arguments |= {name: config[theirs] for theirs, name in own.items() if theirs in config}
    return ForeignModel(recipe, shape or tuple(config["input_dim"]), arguments, weights)


def read_config(path: Path) -> dict[str, Any]:
    """Return the config of a folder.

    Raises:
        ValueError: it cannot be read, or is of networks of one's own.
    """
    try:
        config: dict[str, Any] = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path / CONFIG_FILE} ({error}): give a folder that pythae saved") from None
    if "name" not in config or config.get("input_dim") is None:
        raise ValueError(f"{path / CONFIG_FILE} has no name and input_dim of a model: give a folder that pythae saved")
    for part in ("encoder", "decoder"):
        if not config.get(f"uses_default_{part}", True):
            raise ValueError(
                f"{path} has an {part} of one's own, which pythae saves as code in {part}.pkl, and code is not run: "
                "build the network yourself, and load model.pt into it"
            )
    return config


def rename_weights(tensors: CheckpointTensors) -> dict[str, Tensor]:
    """Return the weights of the default networks by the names of the recipe's model.

    Raises:
        ValueError: tensors are missing, or there are others.
    """
    hidden, mean, first, last = (
        tensors.take(f"{name}.weight", f"{name}.bias")
        for name in ("encoder.layers.0.0", "encoder.embedding", "decoder.layers.0.0", "decoder.layers.1.0")
    )
    if "encoder.log_var.weight" in tensors:
        log_var = tensors.take("encoder.log_var.weight", "encoder.log_var.bias")
        mean = [torch.cat(pair) for pair in zip(mean, log_var, strict=True)]
    tensors.reject_unused(TRAINING_ONLY)
    encoder = linear_layers("encoder", (hidden[0], hidden[1]), (mean[0], mean[1]))
    return encoder | linear_layers("decoder", (first[0], first[1]), (last[0], last[1]))
