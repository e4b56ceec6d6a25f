"""Python objects as sources of examples: one module for each kind."""
