"""Templates, styles, scripts and charts of the pages that elbowroom writes."""
