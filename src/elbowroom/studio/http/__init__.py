"""HTTP: JSON, media and the security middleware."""
