"""The diagnoses, by what they look at; importing the modules registers them."""

from elbowroom.doctor.checks import data, latent, loss, overfitting

__all__ = ["data", "latent", "loss", "overfitting"]
