"""What takes pyinfra's place for speed says the same."""

from __future__ import annotations

import inspect
import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyinfra
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import Config, arguments
from pyinfra.api.exceptions import ArgumentTypeError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.api.util import PYINFRA_INSTALL_DIR, get_operation_order_from_stack
from pyinfra.context import ctx_config, ctx_state

from whisklab.engine.run import speed


def both(state: Any) -> tuple[list[int], list[int]]:
    return speed.order(state), get_operation_order_from_stack(state)


def through(names: list[str], state: Any) -> tuple[list[int], list[int]]:
    """Call `both` from functions of these files, the first one outermost."""
    call = both
    for number, name in enumerate(reversed(names)):
        text = "\n" * number + "def called(state): return call(state)"
        space: dict[str, Any] = {"call": call}
        exec(compile(text, name, "exec"), space)  # noqa: S102  a frame of that name
        call = space["called"]
    return call(state)


def test_an_operation_that_is_called_asks_ours() -> None:
    """By the name under which pyinfra looks it up: its package has functions called as modules."""
    speed.install()
    call = sys.modules["pyinfra.api.operation"].solve_operation_consistency
    assert call.__globals__["get_operation_order_from_stack"] is speed.order
    for module in ("pyinfra.api.arguments", "pyinfra.api.facts"):
        assert hasattr(sys.modules[module].all_global_arguments, "cache_info")


def test_nothing_that_gives_the_same_is_worked_out_for_each_module() -> None:
    code = """
import importlib.metadata, sys, typing
read, hints, scan = [], typing.get_type_hints, importlib.metadata.distributions
importlib.metadata.distributions = lambda *some, **more: read.append(1) or scan(*some, **more)
typing.get_type_hints = lambda *some, **more: read.append(some[0].__name__) or hints(*some, **more)
from whisklab.engine.run.start import run
import deploys
assert run is sys.modules["whisklab.engine.run.command"]
assert importlib.metadata.entry_points.__module__ == "importlib.metadata"
assert read.count("AllArguments") == 1, read
assert 0 < read.count(1) < 6, read  # ours, and of others than gevent
left = ("invoke", "unittest", "asyncio", "urllib3")
assert not [each for each in sys.modules if each.partition(".")[0] in left]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        "plan none", "apply none", "verify none", "certs none", "certs renew none",
        "certs renew --authority none", "adopt none", "forward none", "kubectl none get nodes",
        "actions export none", "images list none",
        "images push none /dev/null a:1", "images rm none a:1",
    ],
)  # fmt: skip
def test_each_verb_loads_it_so_and_patches_before_all_else(tmp_path: Path, arguments: str) -> None:
    code = """
import sys
from whisklab.cli.main import run
assert run(sys.argv[1:]) == 2
assert "whisklab.engine.run.start" in sys.modules
assert not [each for each in sys.modules if each.startswith("invoke")]
"""
    argv = [sys.executable, "-W", "error", "-c", code, *arguments.split()]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


NAMES = ("deploy.py", "deploys/a/deploy.py", f"{PYINFRA_INSTALL_DIR}/api/deploy.py")


@pytest.mark.parametrize("is_cli", [True, False])
@pytest.mark.parametrize("deploy", ["deploy.py", "other.py", None])
def test_the_order_of_operations_is_pyinfras(
    monkeypatch: pytest.MonkeyPatch, deploy: str | None, *, is_cli: bool
) -> None:
    monkeypatch.setattr(pyinfra, "is_cli", is_cli)
    state = SimpleNamespace(current_deploy_filename=deploy, current_op_file_number=7)
    for names in itertools.product(NAMES, repeat=3):
        ours, theirs = through(list(names), state)
        assert ours == theirs, names


def test_a_catalogue_is_read_again_when_it_changes(tmp_path: Path) -> None:
    from whisklab.engine.artifacts.catalogue import opened  # noqa: PLC0415

    path = tmp_path / "catalogue.yaml"
    entry = "{amd64: {url: https://example.com/a, sha256: " + "a" * 64 + "}}"
    path.write_text(f"a: {{default: v1, versions: {{v1: {{a: {entry}}}}}}}\n")
    with ctx_state.use(State()):
        first = opened(str(path))
        assert opened(str(path)) is first
        path.write_text(f"a: {{default: v20, versions: {{v20: {{a: {entry}}}}}}}\n")
        assert opened(str(path)).version("a", None) == "v20"
        lock = f"a: {{v20: {{a: {{amd64: {{sha256: {'b' * 64}, from: us}}}}}}}}\n"
        path.with_suffix(".lock.yaml").write_text(lock)
        assert opened(str(path)).lock


def test_a_file_of_data_is_parsed_once_for_each_text(tmp_path: Path) -> None:
    """By pyinfra itself once for each name in it."""
    parsed: list[str] = []

    def stock(filename: str) -> set[str]:
        parsed.append(filename)
        return set(Path(filename).read_text().split())

    ours, first, second = speed.once_for_each_text(stock), tmp_path / "a.py", tmp_path / "b.py"
    for path in (first, second):
        path.write_text("one two")
    for _ in range(3):
        assert [ours(str(path)) for path in (first, second)] == [{"one", "two"}] * 2
    assert parsed == [str(first), str(second)]
    first.write_text("one six")  # as long, and within the same tick of the clock
    assert ours(str(first)) == {"one", "six"}


_ARGUMENTS = st.dictionaries(
    st.sampled_from(("_sudo", "_env", "_timeout", "_retries", "other")),
    st.sampled_from((True, 3, {"A": "b"}, None)),
)


@given(own=_ARGUMENTS, group=_ARGUMENTS, every=_ARGUMENTS, set_later=_ARGUMENTS, called=_ARGUMENTS)
def test_arguments_come_from_the_same_data(
    own: dict[str, Any], group: dict[str, Any], every: dict[str, Any],
    set_later: dict[str, Any], called: dict[str, Any],
) -> None:  # fmt: skip
    """Also of a wrong type, which pyinfra refuses."""
    inventory = Inventory(([("one", own)], every), group=(["one"], group))
    state, host = State(inventory, Config()), inventory.get_host("one")
    for key, value in set_later.items():
        setattr(host.data, key, value)
    stock = inspect.unwrap(arguments.pop_global_arguments)
    before = vars(host.data)["datas"]
    assert popped(speed.merged_once(stock), state, host, called) == popped(
        stock, state, host, called
    )
    assert vars(host.data)["datas"] is before


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("data"), _ARGUMENTS),
        st.tuples(st.just("config"), st.dictionaries(
            st.sampled_from(("SUDO", "ENV", "RETRY", "SHELL")),
            st.sampled_from((True, 3, {"C": "d"}, "bash")), max_size=1,
        )),
        st.tuples(st.just("deploy"), _ARGUMENTS),
        st.tuples(st.just("left"), st.just({})),
        st.tuples(st.just("called"), st.dictionaries(
            st.sampled_from(("name", "_sudo", "_env", "_retries", "other")),
            st.sampled_from((True, 3, {"A": "b"}, None, "text")), max_size=2,
        )),
        st.tuples(st.just("called"), st.just({"name": "an operation", "other": 1})),
    ),
    max_size=12,
)  # fmt: skip


@given(own=_ARGUMENTS, group=_ARGUMENTS, steps=_STEPS)
def test_arguments_that_are_known_are_those_that_would_be_worked_out(
    own: dict[str, Any], group: dict[str, Any], steps: list[tuple[str, dict[str, Any]]]
) -> None:
    """Whatever changes between two operations: data, configuration, the deploy that is called."""
    inventory = Inventory(([("one", own)], {}), group=(["one"], group))
    config = Config()
    state, host = State(inventory, config), inventory.get_host("one")
    stock = inspect.unwrap(arguments.pop_global_arguments)
    ours = speed.known_arguments(speed.merged_once(stock))
    with ctx_config.use(config):
        for kind, given_ in steps:
            if kind == "data":
                for key, value in given_.items():
                    setattr(host.data, key, value)
            elif kind == "config":
                for key, value in given_.items():
                    setattr(config, key, value)
            elif kind == "left":
                host.current_deploy_kwargs = None
            else:
                found, wanted = (popped(pop, state, host, given_) for pop in (ours, stock))
                assert found == wanted
                if kind == "deploy" and isinstance(found, tuple):
                    host.current_deploy_kwargs = found[0][0]


def test_the_arguments_of_an_operation_are_its_own() -> None:
    """Some are taken out of them by pyinfra."""
    inventory = Inventory((["one"], {}))
    state, host = State(inventory, Config()), inventory.get_host("one")
    ours = speed.known_arguments(inspect.unwrap(arguments.pop_global_arguments))
    first, _ = ours(state, host, {"name": "a"})
    first.clear()
    assert ours(state, host, {"name": "b"})[0]["name"] == "b"
    host.current_deploy_kwargs, _ = ours(state, host, {})
    ours(state, host, {"name": "c"})[0].clear()
    assert ours(state, host, {})[0]["name"] is None
    assert len(ours(state, host, {})[0]) == len(arguments.all_argument_meta)


def popped(pop: Any, state: State, host: Any, called: dict[str, Any]) -> object:
    left = dict(called)
    try:
        return pop(state, host, left), left
    except (ArgumentTypeError, TypeError, ValueError, AttributeError) as error:
        return str(error)
