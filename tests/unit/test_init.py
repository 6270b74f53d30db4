"""`whisklab init`: what is given, who a machine is, where it is, what is written."""

from __future__ import annotations

import base64
import ipaddress
import runpy
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisklab.errors import BadInput, WhisklabError
from whisklab.init import found, openssh, reached, site
from whisklab.init.inventory import Files, Member, inventory, roles
from whisklab.init.keys import HostKey, Known, certified, host_keys
from whisklab.init.openssh import Way
from whisklab.init.reached import Reached
from whisklab.init.target import Target, target

KEY = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIJ9zHlKqnJWMoUzr6zFQqNxxq9yE8bWJ4mRhL5c0mY7Q")
OTHER = HostKey(
    "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
RSA = paramiko.RSAKey.generate(1024).get_base64()


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


@dataclass(frozen=True)
class Keys:
    """Keys and certificates of ssh-keygen, in a directory."""

    directory: Path

    def key(self, name: str, kind: str = "ed25519") -> HostKey:
        """The public key of a name, made when there is none."""
        file = self.directory / name
        if not file.exists():
            run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", file)
        return self.read(f"{name}.pub")

    def read(self, name: str) -> HostKey:
        return HostKey(*(self.directory / name).read_text().split()[:2])

    def certificate(self, name: str, *options: str) -> HostKey:
        """One for a name's key, signed by `ca`."""
        self.key("ca")
        self.key(name)
        run("ssh-keygen", "-q", "-s", self.directory / "ca", "-I", "id", *options,
            self.directory / f"{name}.pub")  # fmt: skip
        return self.read(f"{name}-cert.pub")


def run(*argv: object) -> None:
    subprocess.run([str(each) for each in argv], check=True, timeout=60)


NOW = datetime.now(UTC)
HOST = ("-h", "-n", "10.0.0.1,*.example.org", "-V", "-1h:+1h")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_is_for_its_key_and_names_who_signed(tmp_path: Path, kind: str) -> None:
    keys = Keys(tmp_path)
    own = keys.key("host", kind)
    made = keys.certificate("host", *HOST)
    for name in ("10.0.0.1", "a.example.org"):
        assert certified(made, name, NOW) == (own, keys.key("ca"))


@pytest.mark.parametrize(
    ("options", "host", "later"),
    [
        (HOST, "10.0.0.2", 0),
        (HOST, "example.org", 0),
        (HOST, "10.0.0.1", 2 * 3600),
        (HOST, "10.0.0.1", -2 * 3600),
        (HOST[1:], "10.0.0.1", 0),  # a user's
        (("-h", "-V", "-1h:+1h"), "10.0.0.1", 0),  # for nobody
        ((*HOST, "-O", "critical:new@example.org=1"), "10.0.0.1", 0),
    ],
)
def test_a_certificate_that_is_no_good(
    tmp_path: Path, options: tuple[str, ...], host: str, later: int
) -> None:
    made = Keys(tmp_path).certificate("host", *options)
    assert certified(made, host, NOW + timedelta(seconds=later)) is None


def test_a_certificate_whose_bytes_were_changed_is_no_good(tmp_path: Path) -> None:
    """Each byte, one at a time: it is refused, or says the same (the padding of a signature)."""
    keys = Keys(tmp_path)
    made = keys.certificate("host", *HOST)
    right = certified(made, "10.0.0.1", NOW)
    assert right is not None
    body = base64.b64decode(made.text)
    for number in range(0, len(body), 7):
        other = body[:number] + bytes([body[number] ^ 1]) + body[number + 1 :]
        changed = HostKey(made.kind, base64.b64encode(other).decode())
        assert certified(changed, "10.0.0.1", NOW) is None, number
    for text in ("", "AAAA", made.text[:-8], KEY.text):
        assert certified(HostKey(made.kind, text), "10.0.0.1", NOW) is None
    assert certified(keys.key("host"), "10.0.0.1", NOW) is None


def test_what_known_hosts_have_of_a_machine(tmp_path: Path) -> None:
    """Hashed names, patterns, marks, other kinds of keys; of another machine nothing."""
    rsa = HostKey("ssh-rsa", RSA)
    own, system = tmp_path / "own", tmp_path / "system"
    own.write_text(
        f"# words\n[10.0.0.1]:2222 {KEY.kind} {KEY.text} a comment\n10.0.0.1 ssh-rsa {RSA}\n"
        f"@cert-authority [10.0.0.*]:* ssh-rsa {RSA}\n@revoked * {OTHER.kind} {OTHER.text}\n"
    )
    run("ssh-keygen", "-q", "-H", "-f", own)
    system.write_text(f"[10.0.0.1]:2222,h {rsa.kind} {rsa.text}\n")
    files = (own, system, tmp_path / "none")
    found = openssh.OpenSSH(None).known(Way("10.0.0.1", 2222, "me", "", files))
    assert found == Known(frozenset({KEY, rsa}), frozenset({rsa}), frozenset({OTHER}))
    other = openssh.OpenSSH(None).known(Way("10.1.0.1", 2222, "me", "", files))
    assert other == Known(revoked=frozenset({OTHER}))


def test_a_list_of_revoked_keys(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    bad, good = keys.key("bad"), keys.key("good")
    run("ssh-keygen", "-q", "-k", "-f", tmp_path / "list", tmp_path / "bad.pub")
    way = Way("h", 22, "me", "", (), tmp_path / "list")
    assert openssh.OpenSSH(None).is_revoked(way, bad)
    assert not openssh.OpenSSH(None).is_revoked(way, good)
    assert not openssh.OpenSSH(None).is_revoked(replace(way, revoked=None), bad)


def test_a_fingerprint_is_ssh_keygen_s(tmp_path: Path) -> None:
    key = Keys(tmp_path).key("host")
    said = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "host.pub"], capture_output=True, text=True, check=True
    )
    assert key.fingerprint == said.stdout.split()[1]
    assert host_keys([f"h {KEY.kind} {KEY.text}", "", "# a comment"]) == {"h": KEY}
    for line in ("h", "h ssh-ed25519", "h ssh-ed25519 !!!"):
        with pytest.raises(BadInput, match="no line of a known_hosts file: h"):
            host_keys([line])


def machine(
    host: str = "h", name: str | None = None, key: HostKey = KEY, port: int = 22
) -> Reached:
    return Reached(host, Target(host, name=name), Way(host, port, "me", ""), key, "")


class Asked(openssh.OpenSSH):
    """A machine that shows a key, and what the user's files have of it."""

    def __init__(self, key: HostKey, known: Known, shown: HostKey | None = None) -> None:
        super().__init__(None)
        self.key, self.has, self.cert = key, known, shown
        self.kinds: list[str] = []

    def way(self, target: Target) -> Way:
        return Way(target.host, target.port or 22, "me", "")

    def known(self, way: Way) -> Known:
        assert way.known_as == "10.0.0.1"
        return self.has

    def shown(self, target: Target, kinds: Iterable[str] = ()) -> HostKey:
        assert target.host == "10.0.0.1"
        self.kinds = list(kinds)
        return self.key

    def certificate(self, target: Target, kind: str) -> HostKey | None:
        assert (target.host, kind) == ("10.0.0.1", self.key.kind)
        return self.cert


def reach(ssh: Asked, kept: dict[str, HostKey] | None = None) -> Reached:
    there = reached.Kept(Path("inventories/x.known_hosts"), kept or {})
    return reached.reach(ssh, "me@h", Target("10.0.0.1"), there)


def of(*keys: HostKey) -> frozenset[HostKey]:
    return frozenset(keys)


def test_who_says_that_a_key_is_right(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    own, ca = keys.key("host"), keys.key("ca")
    cert, forged = keys.certificate("host", *HOST), keys.certificate("other", *HOST)
    assert reach(Asked(own, Known())).trusted == ""
    assert reach(Asked(own, Known(of(own, OTHER)))).trusted == "your known_hosts"
    trusted = Known(authorities=of(ca, OTHER))
    assert reach(Asked(own, trusted, cert)).trusted == "a certificate that you trust"
    assert reach(Asked(own, trusted)).trusted == ""
    assert reach(Asked(own, trusted, forged)).trusted == ""  # for another key than it shows
    assert reach(Asked(own, Known(authorities=of(OTHER)), cert)).trusted == ""
    assert reach(Asked(own, Known(authorities=of(ca), revoked=of(ca)), cert)).trusted == ""
    before = Asked(own, Known())
    assert reach(before, {"10.0.0.1": own}).trusted == "inventories/x.known_hosts"
    assert before.kinds == [own.kind]  # the kind that was kept, whatever ssh would rather have
    assert reach(before, {"other": OTHER}).trusted == ""


@pytest.mark.parametrize(
    ("known", "kept", "sentence"),
    [
        (Known(of(KEY)), {"10.0.0.1": OTHER}, "me@h shows another host key .* than inventories/x"),
        (Known(of(OTHER)), {}, r"me@h shows another host key .* `ssh-keygen -R '10\.0\.0\.1'` for"),
        (Known(of(KEY), revoked=of(KEY)), {}, "which your known_hosts call revoked: give the mach"),
    ],
)
def test_a_key_that_is_wrong_is_refused(
    known: Known, kept: dict[str, HostKey], sentence: str
) -> None:
    with pytest.raises(WhisklabError, match=sentence):
        reach(Asked(KEY, known), kept)


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
    program.write_text("#!/bin/sh\necho 'a word' >&2\nsetsid sleep 20 &\nsleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(openssh, "WITHIN", 1.0)
    with pytest.raises(WhisklabError, match="h is not reached by ssh: no answer in 1 s, timed out"):
        openssh.OpenSSH(None).shown(Target("h"))


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
