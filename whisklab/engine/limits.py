"""How long the engine waits for others before it gives up, in seconds.

A limit is for one thing: a connection, the next piece of an answer, the end of some work. Who waits
tells so every now and then (`progress.py`, `patience.py`).
"""

from __future__ import annotations

CONNECT_WITHIN = 10.0  # for a TCP or TLS connection through a tunnel to open
TUNNEL_WITHIN = 10.0  # for a host to open a channel to a port of its own
KUBERNETES_ANSWERS_WITHIN = 30.0  # for the next bytes of an answer; lists and dry runs take a few
DOWNLOAD_SILENT = 30.0  # for a source to connect, and between two pieces of a file
RUN_SILENT = 60  # without a beat of a run on a host: it is dead, its lock is free
LOCK_WITHIN = 300  # for another run's commands to end; an apt-get of a killed run is done by then
APT_WITHIN = 900  # for another apt or dpkg: a fresh VM's own upgrades have taken over 10 min
SERVICE_STARTS_WITHIN = 300  # a first start may pull images over a slow line
RELEASE_WITHIN = 300  # for the objects of a release, unless its own setting says otherwise
OBJECT_GONE_WITHIN = 120.0  # for an object that is made anew to be gone
HELM_TEST_WITHIN = 300  # for the tests that a chart brings
