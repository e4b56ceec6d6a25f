"""Named data sets; a module of this package registers those that it defines when it is imported here."""

from elbowroom.data.catalog import celeba, cifar_svhn, digits, frey_faces, mnist, olivetti, omniglot

__all__ = ["celeba", "cifar_svhn", "digits", "frey_faces", "mnist", "olivetti", "omniglot"]
