"""Endpoints of the studio."""
