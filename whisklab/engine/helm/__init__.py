"""Helm releases as careful operations: what is equal stays untouched, what differs is named."""

from whisklab.engine.helm.charts import Chart, chart
from whisklab.engine.helm.operations import chart_fetched, released
from whisklab.engine.helm.release import OF_RELEASE, Release

__all__ = ["OF_RELEASE", "Chart", "Release", "chart", "chart_fetched", "released"]
