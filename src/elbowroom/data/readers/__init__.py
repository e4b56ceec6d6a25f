"""Readers of files: arrays, tables, images and archives."""
