"""Something small that a deploy mends, and what a run that broke off may leave."""

from __future__ import annotations

from tests.e2e.cluster.site import Run, Site
from whisklab.engine.resources.paths import UNFINISHED

DIRECTORY = "/etc/sysctl.d"
SYSCTL = f"{DIRECTORY}/90-whisklab.conf"


def apply(site: Site) -> Run:
    """Deploy, by whisklab's own command."""
    return site.whisklab("apply", site.name)


def edit(site: Site, host: str) -> None:
    """Have something on a host that a deploy mends."""
    site.root(host, f"echo '# edited' >> {SYSCTL}")


def edited(site: Site, host: str) -> bool:
    """Tell whether it is there still."""
    return "# edited" in site.root(host, f"cat {SYSCTL}")


def leftovers(site: Site, host: str) -> str:
    """Return files that were being written when a run ended."""
    return site.root(host, f"find /etc /usr/local /var/lib/whisklab -name '*{UNFINISHED}'")


def free(site: Site) -> bool:
    """Tell whether no run and no command holds a lock of any host."""
    both = "flock -n /run/whisklab/run.lock flock -n /run/whisklab/change.lock echo free || true"
    return all("free" in site.root(host, both) for host in site.hosts)
