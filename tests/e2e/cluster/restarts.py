"""Whether pods are the same ones as before, and have not been started again."""

from __future__ import annotations

from tests.e2e.cluster.site import Site


def pods(site: Site) -> dict[str, int]:
    """Uid to restarts of all pods."""
    return {
        each["metadata"]["uid"]: sum(
            status["restartCount"] for status in each["status"]["containerStatuses"]
        )
        for each in site.objects("pods", "-A")
    }
