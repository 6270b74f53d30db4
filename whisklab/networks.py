"""The networks that a cluster has inside, unless its settings say others: k3s's own defaults."""

from __future__ import annotations

from ipaddress import IPv4Network

PODS, SERVICES = IPv4Network("10.42.0.0/16"), IPv4Network("10.43.0.0/16")
