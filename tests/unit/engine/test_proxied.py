"""A ProxyCommand is at the other end of a socket."""

from __future__ import annotations

from pathlib import Path

from whisklab.engine import proxied

WITHIN = 30.0  # seconds


def test_what_is_sent_comes_back_in_order() -> None:
    with proxied.connect("cat") as found:
        found.settimeout(WITHIN)
        for size in (1, 10, 100_000):
            sent = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            found.sendall(sent)
            got = b""
            while len(got) < size:
                got += found.recv(4096)
            assert got == sent


def test_it_ends_with_the_socket(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    found = proxied.connect(f"sh -c 'cat; echo $$ > {ended}'")
    found.sendall(b"a")
    assert found.recv(1) == b"a"
    found.shutdown(1)
    found.settimeout(WITHIN)
    assert found.recv(1) == b""  # the command has ended, and with it its end of the socket
    assert ended.read_text()
    found.close()


def test_no_such_program_is_the_end() -> None:
    with proxied.connect("/nonexistent/program 2>/dev/null") as found:
        found.settimeout(WITHIN)
        assert found.recv(1) == b""
