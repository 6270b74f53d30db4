"""What a firewall says of itself, and the sentence for it."""

from __future__ import annotations

import pytest

from whisklab.lab.common.guest.firewall import judged

DROPS = "this computer's firewall drops"
IPTABLES = """\
-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N DOCKER
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
"""
NFT = """\
table ip docker-bridges {
	chain filter-FORWARD {
		type filter hook forward priority filter; policy accept;
	}
}
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
	chain later {
	}
}
"""
BRIDGE = NFT.replace("table inet", "table bridge")


@pytest.mark.parametrize(
    ("rules", "docker", "begins", "way"),
    [
        (IPTABLES, True, DROPS, "`iptables -I DOCKER-USER -j ACCEPT`"),
        (IPTABLES + "-A DOCKER-USER -j ACCEPT\n", True, "", ""),
        (IPTABLES + "-A DOCKER-USER -s 10.0.0.0/8 -j ACCEPT\n", True, DROPS, "DOCKER-USER"),
        ("-P FORWARD DROP\n", False, DROPS, "`iptables -I FORWARD -j ACCEPT`"),
        ("-P FORWARD DROP\n-A FORWARD -j ACCEPT\n", False, "", ""),
        ("-P FORWARD ACCEPT\n", True, "", ""),
        (NFT, False, DROPS, "`nft insert rule inet filter forward accept`"),
        ("-P FORWARD ACCEPT\n" + NFT, True, DROPS, "`nft insert rule inet filter forward accept`"),
        (BRIDGE, True, "", ""),
        (NFT.replace("policy drop", "policy accept"), True, "", ""),
        ("", True, f"if {DROPS}", "`iptables -I DOCKER-USER -j ACCEPT`"),
        ("", False, "", ""),
    ],
)
def test_what_drops_is_named_with_its_remedy(
    rules: str, docker: bool, begins: str, way: str
) -> None:
    found = judged(rules, docker=docker)
    assert found.startswith(begins)
    assert way in found
    assert bool(found) == bool(begins)
