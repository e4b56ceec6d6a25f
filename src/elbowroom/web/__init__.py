"""HTML pages: templates, styles, scripts, charts and grids of images."""
