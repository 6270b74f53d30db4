"""Operations of `nfs`: all compare with what one look at the server has told."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, logger
from pyinfra.api import FunctionCommand, StringCommand, operation
from pyinfra.api.command import QuoteString
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from deploys.nfs import disks, render
from deploys.nfs.facts import Place, Server, ServerState
from whisklab.engine.facts import asking
from whisklab.engine.reasons import because, diff_wanted, differs
from whisklab.engine.resources.files import write_command
from whisklab.engine.resources.paths import written
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import fail

DIRECTORY = "directory"  # as stat calls it


def _look(exports: render.Entries) -> Server:
    # The same question in each operation.
    return asking.once(ServerState, paths=sorted({entry.path for entry in exports}))


@operation()
def writable(exports: render.Entries) -> Generator[FunctionCommand]:
    """Find room below each directory that is exported for writing; else the host fails.

    A dry run tells it too. Nothing is written to find out.

    Args:
        exports: every single export.
    """
    bad = disks.why_not_written(host.name, exports, _look(exports).disks)
    for sentence in bad:
        because(sentence)
        if ctx_state.get().current_stage == StateStage.Prepare:
            logger.error("%s%s", host.print_prefix, sentence)
    if bad:
        yield fail(*bad)


@operation()
def directories(exports: render.Entries) -> Generator[StringCommand | FunctionCommand]:
    """Have the directories that are exported, owned by nobody and open to all who are let in.

    What is in them is not touched.

    Args:
        exports: every single export.
    """
    state = _look(exports)
    user, _, group = render.OWNER.partition(":")
    marks = _to_mark(exports, state)
    for path in sorted({entry.path for entry in exports}):
        found = state.directories.get(path)
        if found is None:
            because(f"{path} is not there")
            yield StringCommand("install", "-d", "-o", user, "-g", group, QuoteString(path))
        elif found.kind != DIRECTORY:
            yield fail(f"{path} is to be exported and is a {found.kind}: move it away")
        elif disks.may_be_changed(path, state.disks):
            yield from _given(path, found)
        if path in marks:
            because(f"{path} gets a file system id of its own")
            yield script('umask 022; : > "$1"', f"{path}/{render.MARK}")


def _to_mark(exports: render.Entries, state: Server) -> set[str]:
    known = (state.file, state.now, *state.foreign.values())
    fresh = [path for path in state.fresh if disks.may_be_changed(path, state.disks)]
    return render.to_mark(exports, fresh, (each for text in known for each in render.parse(text)))


def _given(path: str, found: Place) -> Generator[StringCommand]:
    if found.owner != render.OWNER:
        because(f"{path} belongs to {found.owner}, not {render.OWNER}")
        yield StringCommand("chown", render.OWNER, QuoteString(path))
    if not found.open_to_all:
        because(f"{path} is {found.mode}: only root may look into it")
        yield StringCommand("chmod", "go+rx", QuoteString(path))


@operation()
def exported(exports: render.Entries) -> Generator[StringCommand | FunctionCommand]:
    """Have these exports in our file, and exported by the service if it runs.

    What our file had before and the data no longer have is unexported first: a run that dies in
    between finds it in the file again.

    Args:
        exports: every single export.
    """
    state = _look(exports)
    # In a plan they are not marked yet.
    exports = render.identified(exports, {*state.marked, *_to_mark(exports, state)})
    before, now = render.parse(state.file), render.parse(state.now)
    foreign = {file: render.parse(text) for file, text in state.foreign.items()}
    if sentences := render.conflicts(exports, foreign):
        yield fail(*sentences)
        return
    left = render.left(exports, before, now, foreign)
    wanted = written(render.exports_file(exports))
    lines = render.why_lines_differ(state.file, wanted)
    lacking = render.why_not_exported(exports, now) if state.active else []
    for reason in [*(f"{each} is still exported" for each in left), *lines, *lacking]:
        because(reason)
    if lines and diff_wanted():
        differs(f"{render.FILE} is another", state.file, wanted)
    for entry in left:
        yield StringCommand("exportfs", "-u", QuoteString(str(entry)))
    if lines:
        yield write_command(render.FILE, wanted, "644", "root:root")
    if lacking or (lines and state.active):
        yield StringCommand("exportfs", "-a")


@operation()
def serving(exports: render.Entries) -> Generator[StringCommand]:
    """Have the service run, and start with the machine.

    Args:
        exports: every single export.
    """
    state = _look(exports)
    if not state.active:
        because("it does not run")
    if not state.enabled:
        because("it is not enabled")
        yield StringCommand("systemctl", "enable", "--quiet", "--", render.SERVICE)
    if not state.active:
        yield StringCommand("systemctl", "start", "--", render.SERVICE)
