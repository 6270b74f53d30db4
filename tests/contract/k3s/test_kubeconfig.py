"""The cluster's kubeconfig is on the laptop, in the store and, if wanted, in the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploys.k3s import contexts, kubeconfig
from tests.contract import fake_kubernetes as fake
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.kubernetes import kube
from whisklab.engine.run.environment import Environment
from whisklab.errors import WhisklabError

KEY = "c2VjcmV0IGtleQ=="
TEXT = f"""
clusters:
- name: default
  cluster: {{server: "https://127.0.0.1:6443", certificate-authority-data: Y2E=}}
users: [{{name: default, user: {{client-certificate-data: Yw==, client-key-data: {KEY}}}}}]
contexts: [{{name: default, context: {{cluster: default, user: default}}}}]
current-context: default
"""
SERVER = "10.0.0.1:6443"
MISSING = "it is missing, or another cluster's"


class Laptop:
    """The laptop, and what the server's kubeconfig says; None while the server has never run."""

    def __init__(self, root: Path) -> None:
        self.environment = Environment("lab", root / "site")
        self.own = root / "home/.kube/config"
        self.text: str | None = TEXT

    @property
    def store(self) -> SecretStore:
        return self.environment.store

    def said(self, *_: object) -> str:
        if self.text is None:
            raise WhisklabError("@local: cat: /etc/rancher/k3s/k3s.yaml: No such file")
        return self.text

    def saved(self, *, merge: bool = False, only_plan: bool = False, **how: Any) -> fake.Done:
        """Plan it, or carry it out; no key is told."""
        do = fake.plan if only_plan else fake.carry_out
        done = do(kubeconfig.saved, server=SERVER, merge=merge, **how)
        assert KEY not in json.dumps([*done.why, *done.errors, *done.told, repr(done.commands)])
        return done

    def wanted(self) -> str:
        return contexts.named(TEXT, SERVER, "lab")

    def have(self, text: str | None) -> None:
        """Have the user's own say something."""
        self.own.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            self.own.write_text(text)


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """One that has nothing of the cluster yet."""
    made = Laptop(tmp_path)
    monkeypatch.setattr(kubeconfig, "current", lambda: made.environment)
    monkeypatch.setattr(kube, "kubeconfig", made.said)
    monkeypatch.setenv("KUBECONFIG", f"{made.own}:/nobody's")
    return made


@pytest.fixture
def settled(laptop: Laptop) -> Laptop:
    """One that has it."""
    laptop.store.write(kubeconfig.NAME, laptop.wanted())
    return laptop


def test_it_is_saved_for_the_user_alone_and_named_after_the_environment(laptop: Laptop) -> None:
    planned = laptop.saved(only_plan=True)
    assert (planned.why, laptop.store.read(kubeconfig.NAME)) == ([MISSING], None)
    done = laptop.saved()
    assert (done.failed, len(done.commands)) == (False, 1)
    path = laptop.store.path(kubeconfig.NAME)
    assert path.stat().st_mode & 0o777 == 0o600
    said = yaml.safe_load(path.read_text())
    assert said["clusters"][0]["cluster"]["server"] == f"https://{SERVER}"
    assert [said["current-context"], said["users"][0]["user"]["client-key-data"]] == ["lab", KEY]
    assert laptop.saved().idle
    assert not laptop.own.parent.exists()


@pytest.mark.parametrize("what", ["another server", "another key", "edited"])
def test_another_one_is_replaced(settled: Laptop, what: str) -> None:
    other = {"another server": settled.wanted().replace("10.0.0.1", "10.0.0.2"),
             "another key": settled.wanted().replace(KEY, "b3RoZXI="), "edited": "x"}  # fmt: skip
    settled.store.write(kubeconfig.NAME, other[what])
    assert settled.saved(only_plan=True).why == [MISSING]
    assert not settled.saved().failed
    assert settled.store.read(kubeconfig.NAME) == settled.wanted().strip()
    assert settled.saved().idle


def test_a_server_that_has_never_run_is_asked_when_it_runs(laptop: Laptop) -> None:
    laptop.text = None
    planned = laptop.saved(only_plan=True)
    assert [(each.text, each.unknown) for each in planned.reasons] == [
        ("unknown until the server runs", True)
    ]
    done = laptop.saved(between=lambda: setattr(laptop, "text", TEXT))
    assert not done.failed
    assert laptop.store.read(kubeconfig.NAME) == laptop.wanted().strip()
    assert laptop.saved().idle


def test_one_that_still_does_not_run_fails_with_what_it_says(laptop: Laptop) -> None:
    laptop.text = None
    done = laptop.saved()
    assert done.failed
    assert done.errors[0] == "@local: cat: /etc/rancher/k3s/k3s.yaml: No such file"
    assert laptop.store.read(kubeconfig.NAME) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clusters: [",
        "[]",
        "clusters: []",
        "clusters: {}",
        "x",
        "clusters:\n- name: a",
        "\x00",
        TEXT.replace("users", "people"),
    ],
)
def test_a_server_s_kubeconfig_of_another_form_is_a_sentence(laptop: Laptop, text: str) -> None:
    laptop.text = text
    done = laptop.saved()
    assert done.failed
    assert done.errors[0].startswith("@local: /etc/rancher/k3s/k3s.yaml: ")
    assert laptop.store.read(kubeconfig.NAME) is None


# The user's own.

THEIRS = contexts.named(TEXT, "b:2", "theirs")


@pytest.mark.parametrize("theirs", [None, "", THEIRS])
def test_it_is_merged_on_request_and_goes_again(settled: Laptop, theirs: str | None) -> None:
    settled.have(theirs)
    own = f"{settled.own} "
    assert settled.saved(merge=True, only_plan=True).why == [f"{own}has not its context lab"]
    assert (settled.own.read_text() if theirs is not None else None) == theirs
    assert not settled.saved(merge=True).failed
    said = yaml.safe_load(settled.own.read_text())
    names = [each["name"] for each in said["contexts"]]
    assert names == (["theirs", "lab"] if theirs else ["lab"])
    assert said["current-context"] == names[0]
    assert settled.saved(merge=True).idle
    assert [each.name for each in settled.own.parent.iterdir()] == [settled.own.name]
    assert settled.saved(only_plan=True).why == [f"{own}still has its context lab"]
    assert not settled.saved().failed
    left = settled.own.read_text() if settled.own.exists() else None
    assert (left is None) == (theirs is None)
    assert "lab" not in (left or "")
    assert (yaml.safe_load(left)["contexts"] if theirs and left else []) == (
        yaml.safe_load(THEIRS)["contexts"] if theirs else []
    )
    assert settled.saved().idle


def test_one_that_is_made_is_for_its_user_alone(settled: Laptop) -> None:
    assert not settled.saved(merge=True).failed
    assert settled.own.stat().st_mode & 0o777 == 0o600
    assert settled.own.parent.stat().st_mode & 0o777 == 0o700


def test_both_are_put_right_by_one_run(laptop: Laptop) -> None:
    laptop.have(THEIRS)
    assert laptop.saved(merge=True, only_plan=True).why == [MISSING]
    assert not laptop.saved(merge=True).failed
    assert laptop.saved(merge=True).idle


def test_what_kubectl_writes_anew_is_the_same(settled: Laptop) -> None:
    settled.have(THEIRS)
    assert not settled.saved(merge=True).failed
    said = yaml.safe_load(settled.own.read_text())
    settled.have(yaml.safe_dump(said, indent=4))
    assert settled.saved(merge=True).idle


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("data", [b"\xff\xfe", b"no: [yaml", b"[]", b"word", b"clusters: 7"])
def test_a_file_that_is_no_kubeconfig_stays_and_matters_only_where_we_write(
    settled: Laptop, data: bytes, *, merge: bool
) -> None:
    settled.have("")
    settled.own.write_bytes(data)
    done = settled.saved(merge=merge)
    if merge:
        assert done.failed
        assert done.errors[0].startswith(f"{settled.own} cannot be read: ")
    else:
        assert done.idle
    assert settled.own.read_bytes() == data


@pytest.mark.parametrize("merge", [True, False])
def test_entries_of_theirs_that_say_nothing_yet_stay(settled: Laptop, *, merge: bool) -> None:
    settled.have("users: [{name: a, user: }]\ncontexts: [{name: b}]\nclusters:\n")
    settled.saved(merge=True)
    assert not settled.saved(merge=merge).failed
    said = yaml.safe_load(settled.own.read_text())
    assert said["users"][0] == {"name": "a", "user": None}
    assert [each["name"] for each in said["contexts"]] == ["b", *(["lab"] if merge else [])]


def test_a_link_of_theirs_stays_one(settled: Laptop, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text(THEIRS)
    settled.have(None)
    settled.own.symlink_to(tmp_path / "dotfiles")
    assert not settled.saved(merge=True).failed
    assert settled.own.is_symlink()
    assert "name: lab" in (tmp_path / "dotfiles").read_text()
    assert settled.saved(merge=True).idle
