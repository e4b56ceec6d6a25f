"""Named data sets; a module of this package registers those that it defines."""
