"""`whisklab init`: what is given, who a machine is, where it is, what is written."""

from __future__ import annotations

import ipaddress
import runpy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisklab.errors import BadInput, WhisklabError
from whisklab.init import found, openssh, reached, site
from whisklab.init.inventory import Files, Member, inventory, roles
from whisklab.init.openssh import HostKey, Shown, Way
from whisklab.init.reached import Reached
from whisklab.init.target import Target, target

KEY = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIJ9zHlKqnJWMoUzr6zFQqNxxq9yE8bWJ4mRhL5c0mY7Q")
OTHER = HostKey(
    "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("192.0.2.11", Target("192.0.2.11")),
        ("host.example.org:2222", Target("host.example.org", port=2222)),
        ("w1=ubuntu@my_host:22", Target("my_host", "ubuntu", 22, "w1")),
        ("[2001:db8::1]:2222", Target("2001:db8::1", port=2222)),
        ("me@[fe80::1%eth0]", Target("fe80::1%eth0", "me")),
    ],
)
def test_what_a_host_is(text: str, meant: Target) -> None:
    assert target(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "a=", "a=b=c", "user@", "host:", "host:0", "host:65536", "2001:db8::1", "-oProxyCommand=x",
     "a b", "me@you@host", "Big=host", "under_score=host", "=host", "@host", f"{64 * 'a'}=host"],
)  # fmt: skip
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(BadInput, match="expected"):
        target(text)


SAID = """\
OpenSSH_9.2p1 Debian-2+deb12u6, OpenSSL 3.0.19 27 Jan 2026
debug1: Server host key: ssh-ed25519 SHA256:jump
debug1: Host '10.0.0.1' is known and matches the ED25519 host key.
debug1: Server host {what}
{after}
Transferred: sent 3312, received 3276 bytes, in 0.4 seconds
"""
KNOWN = "debug1: No more authentication methods to try.\nme@host: Permission denied (publickey)."
FAILED = "No ED25519 host key is known for h.\nHost key verification failed."
CHANGED = f"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{FAILED}"
REVOKED = f"@       WARNING: REVOKED HOST KEY DETECTED!               @\n{FAILED}"
ENDED = "Received disconnect from 192.0.2.1 port 22:2: \n{}\nDisconnected from 192.0.2.1 port 22"
CERTIFICATE = (
    'certificate: ssh-ed25519-cert-v01@openssh.com SHA256:x, serial 0 ID "{}" CA ssh-ed25519 y'
)
TRICK = (
    "is known and matches the\nme@host: Permission denied (publickey)."  # a name for a certificate
)


@pytest.mark.parametrize(
    ("what", "after", "kind", "said"),
    [
        ("key: ssh-ed25519 SHA256:x", KNOWN, "ssh-ed25519", {"known"}),
        ("key: ssh-rsa SHA256:x", FAILED, "ssh-rsa", set()),
        ("key: ssh-rsa SHA256:x", CHANGED, "ssh-rsa", {"changed"}),
        ("key: ssh-rsa SHA256:x", REVOKED, "ssh-rsa", {"revoked"}),
        ("key: ssh-rsa SHA256:x", "", "ssh-rsa", set()),
        (CERTIFICATE.format("s"), KNOWN, "ssh-ed25519", {"certified", "known"}),
        # Of one that is not known: what a machine sends says nothing on who it is.
        (CERTIFICATE.format(TRICK), FAILED, "ssh-ed25519", {"certified"}),
        ("key: ssh-ed25519 SHA256:x", ENDED.format(TRICK), "ssh-ed25519", set()),
        (
            "key: ssh-ed25519 SHA256:x",
            f"{TRICK}\nConnection reset by 192.0.2.1",
            "ssh-ed25519",
            set(),
        ),
    ],
)
def test_what_a_machine_shows_is_the_last_on_the_way(
    what: str, after: str, kind: str, said: set[str]
) -> None:
    flags = {each: each in said for each in ("certified", "known", "changed", "revoked")}
    meant = Shown(kind=kind, fingerprint="SHA256:x", **flags)
    assert openssh.shown(SAID.format(what=what, after=after)) == meant


def test_a_machine_that_is_not_reached_shows_nothing() -> None:
    assert openssh.shown("debug1: Connecting\nssh: connect to host h port 22: refused\n") is None


def test_a_fingerprint_is_ssh_keygen_s() -> None:
    assert openssh.host_keys([f"h {KEY.kind} {KEY.text}", "", "# a comment"]) == {"h": KEY}
    assert KEY.fingerprint.startswith("SHA256:")
    assert len(KEY.fingerprint) == len("SHA256:") + 43
    for line in ("h", "h ssh-ed25519", "h ssh-ed25519 !!!"):
        with pytest.raises(BadInput, match="no line of a known_hosts file: h"):
            openssh.host_keys([line])


def machine(
    host: str = "h", name: str | None = None, key: HostKey = KEY, port: int = 22
) -> Reached:
    return Reached(host, Target(host, name=name), Way(host, port, "me", ""), key, "")


class Asked(openssh.OpenSSH):
    """An ssh that answers without asking anybody."""

    def __init__(self, *, key: HostKey = KEY, **flags: bool) -> None:
        super().__init__(None)
        self.key, self.asked = key, list[str]()
        said = dict.fromkeys(("certified", "known", "changed", "revoked"), False) | flags
        self.says = Shown(key.kind, key.fingerprint, **said)

    def way(self, target: Target) -> Way:
        return Way(target.host, target.port or 22, "me", "")

    def host_key(self, target: Target) -> tuple[HostKey, Shown]:
        assert target.host == "h"
        return self.key, self.says

    def scanned(self, target: Target, kind: str) -> HostKey:
        assert target.host == "h"
        self.asked.append(kind)
        return self.key


def reach(ssh: Asked, **known: HostKey) -> Reached:
    there = reached.Known(Path("inventories/x.known_hosts"), known)
    return reached.reach(ssh, "me@h", Target("h"), there)


def test_who_says_that_a_key_is_right() -> None:
    assert reach(Asked()).trusted == ""
    assert reach(Asked(certified=True)).trusted == ""
    assert reach(Asked(known=True)).trusted == "your known_hosts"
    assert reach(Asked(known=True, certified=True)).trusted == "a certificate that you trust"
    assert reach(Asked(), other=OTHER).trusted == ""
    before = Asked()
    assert reach(before, h=KEY).trusted == "inventories/x.known_hosts"
    assert before.asked == [KEY.kind]  # the kind that was kept, whatever ssh would rather have


@pytest.mark.parametrize(
    ("ssh", "known", "sentence"),
    [
        (Asked(known=True), {"h": OTHER}, "me@h shows another host key .* than inventories/x"),
        (Asked(changed=True), {}, "me@h shows another host key .* `ssh-keygen -R 'h'` forgets"),
        (Asked(revoked=True), {}, "which your known_hosts call revoked: give the machine another"),
    ],
)
def test_a_key_that_is_wrong_is_refused(
    ssh: Asked, known: dict[str, HostKey], sentence: str
) -> None:
    with pytest.raises(WhisklabError, match=sentence):
        reach(ssh, **known)


def test_one_machine_twice_is_refused() -> None:
    reached.distinct([machine("a"), machine("b", key=OTHER)])
    with pytest.raises(BadInput, match="a and b show the same host key"):
        reached.distinct([machine("a"), machine("c", key=OTHER), machine("b")])
    same = [machine("a"), replace(machine("a", key=OTHER), given="b"), machine("a", port=2222)]
    with pytest.raises(BadInput, match="a and b have the same address"):
        reached.distinct([*same[:2], replace(same[2], key=replace(KEY, kind="ssh-rsa"))])


def test_a_run_that_would_go_elsewhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ssh also reads a file of the system, which nothing else does."""
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\nprintf 'hostname 10.0.0.1\nport 22\nuser me\nproxyjump j\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    config = tmp_path / "config"
    config.write_text("Host h\n HostName 10.0.0.1\n ProxyJump j\n")
    way = openssh.OpenSSH(config).way(Target("h"))
    assert (way.known_as, way.behind) == ("10.0.0.1", "ProxyJump j")
    for text in ("Host h\n HostName 10.0.0.1\n", "Host h\n HostName 10.0.0.2\n ProxyJump j\n"):
        other = tmp_path / f"config{len(text)}"
        other.write_text(text)
        with pytest.raises(BadInput, match=r"h: ssh goes to 10\.0\.0\.1 by ProxyJump j, and a run"):
            openssh.OpenSSH(other).way(Target("h"))


def test_an_ssh_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when something that it has started lives on and holds its stderr."""
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'debug1: Connecting' >&2\nsetsid sleep 20 &\nsleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(openssh, "WITHIN", 1.0)
    with pytest.raises(WhisklabError, match="h is not reached by ssh: no answer in 1 s, timed out"):
        openssh.OpenSSH(None).host_key(Target("h"))


def test_a_fingerprint_of_nobody_is_refused() -> None:
    reached.check_fingerprints([machine("a")], [KEY.fingerprint])
    with pytest.raises(
        BadInput, match=r"--fingerprint SHA256:x: no machine shows it, they show a "
    ):
        reached.check_fingerprints([machine("a")], ["SHA256:x"])


def test_all_that_goes_wrong_is_told() -> None:
    def work(number: int) -> int:
        if number % 2:
            raise (BadInput if number == 1 else WhisklabError)(f"number {number}")
        return 10 * number

    assert reached.together(work, [0, 2, 4]) == [0, 20, 40]
    with pytest.raises(WhisklabError, match="number 1\nnumber 3") as raised:
        reached.together(work, [0, 1, 2, 3])
    assert raised.value.exit_code == 1
    with pytest.raises(BadInput, match="number 1"):
        reached.together(work, [0, 1])


ANSWER = """\
name w1.example.org
machine x86_64
os Debian GNU/Linux 12 (bookworm)
cpus 2
memory_kb 2048000
address 2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0\\       valid_lft 1sec
address 3: eth1    inet 192.168.56.11/24 brd 192.168.56.255 scope global eth1\\       valid_lft
address 3: eth1    inet 192.168.56.99/24 scope global secondary deprecated eth1\\     valid_lft
address 4: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\\    valid_lft
address 5: vlan5@eth0    inet6 fd00::5/64 scope global \\       valid_lft forever
address 6: flannel.1    inet 10.42.0.0/32 scope global flannel.1\\       valid_lft forever
route default via 10.0.2.2 dev eth0 proto dhcp src 10.0.2.15 metric 100
end
""".splitlines()


def test_what_a_machine_says() -> None:
    says = found.found("w1", ANSWER)
    assert (says.name, says.machine, says.cpus, says.memory_mb) == (
        "w1.example.org",
        "x86_64",
        2,
        2000,
    )
    cards = [(card.name, card.address) for card in says.cards]
    assert cards == [("eth0", "10.0.2.15"), ("eth1", "192.168.56.11"), ("vlan5", "fd00::5")]
    assert says.default == {"eth0"}
    with pytest.raises(WhisklabError, match="w1 has no `ip`"):
        found.found("w1", [*ANSWER, "missing ip"])
    for number, line in enumerate(ANSWER):
        if not line.startswith(("address", "route", "os")):
            with pytest.raises(WhisklabError, match="w1 answers otherwise than expected"):
                found.found("w1", [*ANSWER[:number], *ANSWER[number + 1 :]])


def says(*cards: str, name: str = "m", default: Sequence[str] = ("eth0",)) -> found.Found:
    """A machine with such cards, each `NAME ADDRESS/PREFIX`."""
    made = [
        found.Card(card, ipaddress.ip_interface(where)) for card, where in map(str.split, cards)
    ]
    return found.Found(name, "Debian", "x86_64", 2, 2000, tuple(made), frozenset(default))


NAT = "eth0 10.0.2.15/24"  # what VirtualBox gives to all


@pytest.mark.parametrize(
    ("machines", "ssh", "network", "chosen"),
    [
        ([["eth0 10.0.0.1/24"], ["eth0 10.0.0.2/24"]], {}, None, ["10.0.0.1", "10.0.0.2"]),
        ([[NAT, "eth1 10.1.0.1/24"], [NAT, "ens6 10.1.0.2/24"]], {}, None,
         ["10.1.0.1", "10.1.0.2"]),
        # The one that SSH reaches, of two that all share.
        ([["a 10.0.0.1/24", "b 10.1.0.1/24"], ["a 10.0.0.2/24", "b 10.1.0.2/24"]],
         {"m0": "10.1.0.1", "m1": "10.1.0.2"}, None, ["10.1.0.1", "10.1.0.2"]),
        # Of two addresses in one network rather that one, too.
        ([["a 10.0.0.1/24", "a 10.0.0.9/24"], ["a 10.0.0.2/24"]], {"m0": "10.0.0.9"}, None,
         ["10.0.0.9", "10.0.0.2"]),
        ([["a fd00::1/64", "a 10.0.0.1/24"], ["a fd00::2/64", "a 10.0.0.2/24"]], {}, None,
         ["10.0.0.1", "10.0.0.2"]),
        ([["a fd00::1/64"], ["a fd00::2/64"]], {}, None, ["fd00::1", "fd00::2"]),
        # No network is shared (some clouds give /32): where SSH goes.
        ([["a 10.0.0.1/32"], ["a 10.0.0.2/32"]], {"m0": "10.0.0.1", "m1": "10.0.0.2"}, None,
         ["10.0.0.1", "10.0.0.2"]),
        # A network that the user names may hold several.
        ([["a 10.1.0.1/24", "b 10.9.0.1/24"], ["a 10.2.0.2/24", "b 10.9.0.2/24"]], {},
         "10.0.0.0/14", ["10.1.0.1", "10.2.0.2"]),
        # A pod's network is everybody's.
        ([["cni 10.42.0.1/16", "a 10.0.0.1/24"], ["x 10.42.1.1/16", "a 10.0.0.2/24"]], {}, None,
         ["10.0.0.1", "10.0.0.2"]),
    ],
)  # fmt: skip
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_address_does_not_depend_on_the_order(
    machines: list[list[str]],
    ssh: dict[str, str],
    network: str | None,
    chosen: list[str],
    data: st.DataObject,
) -> None:
    shuffled = {f"m{number}": says(*data.draw(st.permutations(cards)))
                for number, cards in enumerate(machines)}  # fmt: skip
    names = data.draw(st.permutations(list(shuffled)))
    where = ipaddress.ip_network(network) if network else None
    cards = found.addresses({name: shuffled[name] for name in names}, ssh, where)
    assert [cards[f"m{number}"].address for number in range(len(machines))] == chosen


@pytest.mark.parametrize(
    ("machines", "network"),
    [
        ([["a 10.0.0.1/24"], ["a 10.1.0.1/24"]], None),
        ([[NAT], [NAT]], None),
        ([["a 10.0.0.1/24"], ["a 10.0.0.2/24"]], "10.7.0.0/16"),
        ([["a 10.0.0.1/24"], []], None),
    ],
)
def test_no_address_is_told(machines: list[list[str]], network: str | None) -> None:
    where = ipaddress.ip_network(network) if network else None
    told = {f"m{number}": says(*cards) for number, cards in enumerate(machines)}
    with pytest.raises(
        BadInput, match=r"m\d: none of its addresses is in a network that all .*has"
    ):
        found.addresses(told, {"m0": "198.51.100.1"}, where)


@pytest.mark.parametrize(
    ("count", "masters", "groups"),
    [
        (1, 1, {"masters": "a", "workers": "", "storage": "a"}),
        (2, 1, {"masters": "a", "workers": "b", "storage": "a"}),
        (3, 1, {"masters": "a", "workers": "b", "storage": "c"}),
        (4, 1, {"masters": "a", "workers": "bc", "storage": "d"}),
        (3, 3, {"masters": "abc", "workers": "", "storage": "a"}),
        (4, 3, {"masters": "abc", "workers": "", "storage": "d"}),
        (6, 3, {"masters": "abc", "workers": "de", "storage": "f"}),
        (2, 2, {"masters": "ab", "workers": "", "storage": "a"}),
    ],
)
def test_who_does_what(count: int, masters: int, groups: dict[str, str]) -> None:
    made = {group: "".join(names) for group, names in roles("abcdef"[:count], masters).items()}
    assert made == {**groups, "registry": groups["storage"]}


def test_more_masters_than_machines() -> None:
    with pytest.raises(BadInput, match="--masters 3: there are 2 machines"):
        roles("ab", 3)


def test_names_are_the_machines_own_or_given() -> None:
    both = [machine("10.0.0.1"), machine("10.0.0.2", "other", OTHER)]
    cards = says("a 10.0.0.1/24", name="Alpha.example.org"), says("a 10.0.0.2/24", name="alpha")
    made = site.entries(both, cards, 1, None)
    assert [(each.name, each.groups) for each in made] == [
        ("alpha", ("masters", "storage", "registry")), ("other", ("workers",)),
    ]  # fmt: skip
    assert made[0].member({}).data == {
        "ssh_hostname": "10.0.0.1", "ssh_user": "me", "node_address": "10.0.0.1",
        "node_interface": "a",  # the default route goes by another one
    }  # fmt: skip
    same = [both[0], replace(both[1], target=Target("10.0.0.2"))]
    with pytest.raises(BadInput, match="10.0.0.1 and 10.0.0.2 are all called alpha: give them"):
        site.entries(same, cards, 1, None)
    with pytest.raises(BadInput, match="cannot be called my_machine: expected"):
        site.entries(both[:1], [replace(cards[0], name="my_machine")], 1, None)


def test_an_inventory_is_python_that_says_it(tmp_path: Path) -> None:
    common = {"ssh_key": "it's ~/.ssh/id", "ssh_known_hosts_file": "inventories/x.known_hosts"}
    first = Member("m", {"ssh_hostname": "10.0.0.1", "ssh_port": 2222})
    second = Member("w", {"ssh_hostname": 'h"'})
    file = tmp_path / "x.py"
    groups = {"masters": [first], "workers": [second], "storage": [first], "registry": [first]}
    file.write_text(inventory(Files("x"), common, groups))
    made = runpy.run_path(str(file))
    assert {name: made[name] for name in groups} == {
        "masters": [("m", {**common, **first.data})],
        "workers": [("w", {**common, **second.data})],
        "storage": ["m"],
        "registry": ["m"],
    }


@pytest.mark.parametrize("name", ["masters", "all", "My", "a_b", "-a", "", "a/b"])
def test_an_environment_s_name(name: str) -> None:
    with pytest.raises(BadInput, match="expected a name such as my-lab"):
        Files(name).check()


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"there is no config\.py here"):
        Files("x").check()
    for directory in ("inventories", "group_data"):
        (tmp_path / directory).mkdir()
    (tmp_path / "config.py").touch()
    files = Files("x")
    files.check()
    files.data.write_text("mine\n")
    files.keep({"h": KEY})
    with files.keys.open("a") as file:
        file.write("h ssh-rsa AAAA a second kind, and words\n")
    text = files.keys.read_text()
    files.keep({"other": OTHER, "h": OTHER})
    assert files.keys.read_text() == f"{text}other {OTHER.kind} {OTHER.text}\n"
    assert files.write({}, {"masters": [Member("m", {})]}) == [files.inventory]
    assert files.data.read_text() == "mine\n"
    assert files.inventory.stat().st_mode & 0o777 == 0o644
    with pytest.raises(
        BadInput, match=r"inventories/x\.py is there already, and is not overwritten"
    ):
        files.check()
