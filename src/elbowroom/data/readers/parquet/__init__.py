"""Parquet files. These modules need pyarrow: they are imported where such a file is read."""
