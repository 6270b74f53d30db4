"""Programs that the jobs of the chart run."""
