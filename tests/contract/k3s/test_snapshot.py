"""etcd is saved before a server is restarted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploys.k3s import operations, render
from tests.contract import fake_kubernetes as fake
from tests.contract.k3s.machine import SERVICE, Machine
from whisklab.engine.cache import sha256_of
from whisklab.engine.resources import services, units

OTHER = "f" * 64
# As `k3s etcd-snapshot` does it: files of a name and of what makes them unlike, the newest stay.
K3S = """
case $2 in
save) n=$(cat '{0}/count' 2>/dev/null || echo 100); echo $((n + 1)) > '{0}/count'
  if test -e '{0}/save fails'; then echo 'no space left' >&2; exit 1; fi
  : > "{0}/snapshots/$6-master-$n";;
prune) if test -e '{0}/prune fails'; then echo 'read-only' >&2; exit 1; fi
  cd '{0}/snapshots' && ls -d "$6"-master-* | head -n "-$8" | xargs -r rm;;
esac
"""


class Server(Machine):
    """A server that runs."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.binary, self.config = root / "usr/it's k3s", root / "etc/config.yaml"
        self.record, self.good = root / f"run/{SERVICE}.started", root / f"good/{SERVICE}"
        self.snapshots = root / "snapshots"
        for each in (self.binary.parent, self.record.parent, self.snapshots, self.config.parent):
            each.mkdir()
        self.program("k3s", K3S.format(root))
        (self.bin / "k3s").rename(self.binary)
        self.is_("active")
        self.sha = sha256_of(self.binary)
        self.wish = {str(self.binary): self.sha, str(self.config): "a" * 64,
                     "/etc/unit.service": "b" * 64, render.REGISTRIES: "c" * 64,
                     "/etc/default/k3s": "d" * 64}  # fmt: skip
        self.runs_on(self.wish)

    def is_(self, active: str) -> None:
        self.shows(f"LoadState=loaded\nActiveState={active}\nUnitFileState=enabled\n")

    def shows(self, text: str, code: int = 0) -> None:
        self.program("systemctl", f"cat <<'E'\n{text}E\nexit {code}")

    def runs_on(self, files: dict[str, str]) -> None:
        self.record.write_text("".join(f"{sha}  {path}\n" for path, sha in files.items()))

    def save(self, wish: dict[str, str] | None = None, *, only_plan: bool = False) -> fake.Done:
        do = fake.plan if only_plan else fake.carry_out
        return do(operations.snapshot, service=SERVICE, wish=wish or self.wish)

    def saved(self, config: Path) -> list[list[str]]:
        """What k3s must have been called with."""
        head, tail = ["--config", str(config), "--name", "whisklab"], ["--snapshot-retention", "5"]
        return [["etcd-snapshot", "save", *head], ["etcd-snapshot", "prune", *head, *tail]]

    @property
    def files(self) -> list[str]:
        return sorted(each.name for each in self.snapshots.iterdir())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One that runs on what it should."""
    made = Server(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(render, "BINARY", str(made.binary))
    monkeypatch.setattr(render, "CONFIG", str(made.config))
    monkeypatch.setattr(units, "RECORDS", str(made.record.parent))
    monkeypatch.setattr(services, "LAST_GOOD", str(made.good.parent))
    yield made
    (Path("/run/whisklab/digests") / str(made.binary).replace("/", "_")).unlink(missing_ok=True)


def test_a_server_that_will_not_be_restarted_is_not_saved(server: Server) -> None:
    assert server.save().idle
    server.runs_on({**server.wish, "/somebody's": OTHER})
    assert server.save().idle
    assert server.called("k3s") == []


@pytest.mark.parametrize("active", ["inactive", "failed", "activating", "deactivating"])
def test_one_that_does_not_run_cannot_be_saved(server: Server, active: str) -> None:
    server.runs_on(dict.fromkeys(server.wish, OTHER))
    server.is_(active)
    assert server.save().idle
    server.record.unlink()
    assert server.save().idle
    assert server.called("k3s") == []


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("known", [True, False])
def test_it_is_saved_before_each_restart(server: Server, index: int, *, known: bool) -> None:
    path = list(server.wish)[index]
    if known and path == str(server.binary):
        server.wish[path] = OTHER  # the new one comes later
    elif known:
        server.runs_on({**server.wish, path: OTHER})
    else:
        server.runs_on({each: sha for each, sha in server.wish.items() if each != path})
    planned = server.save(only_plan=True)
    assert (planned.planned, planned.why) == (True, [f"{SERVICE} will be restarted"])
    assert server.called("k3s") == []

    done = server.save()
    assert (len(done.commands), done.failed) == (1, False)
    assert server.called("k3s") == server.saved(server.config)
    assert server.files == ["whisklab-master-100"]
    server.runs_on(server.wish)  # it was restarted
    assert server.save().idle
    assert len(server.called("k3s")) == 2


def test_it_is_saved_when_nobody_knows_what_it_runs_on(server: Server) -> None:
    server.record.unlink()
    assert not server.save().failed
    assert server.called("k3s") == server.saved(server.config)


def test_it_is_saved_with_the_configuration_of_the_last_good_start(server: Server) -> None:
    good = Path(f"{server.good}{server.config}")
    good.parent.mkdir(parents=True)
    good.touch()
    server.runs_on({**server.wish, str(server.config): OTHER})
    assert not server.save().failed
    assert server.called("k3s") == server.saved(good)


def missing(server: Server) -> None:
    server.binary.unlink()


def not_executable(server: Server) -> None:
    server.binary.chmod(0o644)


def another(server: Server) -> None:
    server.binary.write_text(server.binary.read_text() + "# edited\n")


def already_the_next(server: Server) -> None:
    server.runs_on({**server.wish, str(server.binary): OTHER})


@pytest.mark.parametrize("way", [missing, not_executable, another, already_the_next])
def test_a_program_that_is_not_the_one_that_runs_saves_nothing_and_that_is_told(
    server: Server, way: Callable[[Server], None]
) -> None:
    server.runs_on({**server.wish, str(server.config): OTHER})
    way(server)
    done = server.save()
    assert done.idle
    said = f"@local: etcd is not saved, {server.binary} is not the program that runs"
    assert set(done.told) == {said}
    assert server.called("k3s") == []


@pytest.mark.parametrize("way", [missing, not_executable])
def test_nor_does_one_that_cannot_run_when_nobody_knows_what_runs(
    server: Server, way: Callable[[Server], None]
) -> None:
    server.record.unlink()
    way(server)
    assert server.save().idle
    assert server.called("k3s") == []


def test_the_newest_five_of_ours_stay_and_all_of_others(server: Server) -> None:
    others = ["etcd-snapshot-master-1", "on-demand-master-2", "whisklab.mine"]
    for each in others:
        (server.snapshots / each).touch()
    server.runs_on({**server.wish, str(server.config): OTHER})
    for _ in range(7):
        assert not server.save().failed
    assert server.files == sorted([*others, *(f"whisklab-master-{n}" for n in range(102, 107))])


def test_what_could_not_be_saved_fails_the_host_and_nothing_is_pruned(server: Server) -> None:
    (server.root / "save fails").touch()
    (server.snapshots / "whisklab-master-1").touch()
    server.runs_on({**server.wish, str(server.config): OTHER})
    assert server.save().failed
    assert server.called("k3s") == server.saved(server.config)[:1]
    assert server.files == ["whisklab-master-1"]


def test_old_ones_that_stay_fail_the_host(server: Server) -> None:
    (server.root / "prune fails").touch()
    server.runs_on({**server.wish, str(server.config): OTHER})
    assert server.save().failed
    assert server.called("k3s") == server.saved(server.config)


@pytest.mark.parametrize(
    ("text", "code"),
    [(text, code) for text in ("garbage\n", "Active=active\n", "\n\n") for code in (0, 1)],
)
def test_a_systemctl_that_does_not_say_what_runs_fails_the_host(
    server: Server, text: str, code: int
) -> None:
    server.shows(text, code)
    done = server.save()
    assert done.failed
    assert any("unexpected answer of systemctl show" in each for each in done.errors)
    assert server.called("k3s") == []


def test_a_record_that_is_cut_fails_the_host(server: Server) -> None:
    server.record.write_text("a" * 64)
    done = server.save()
    assert done.failed
    assert any("the record of what the service started from is cut" in e for e in done.errors)
    assert server.called("k3s") == []
