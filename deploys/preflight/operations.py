"""Operations of preflight."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from pyinfra import host, inventory, logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from deploys.preflight.checks import Finding, Wish, accepted, judge
from deploys.preflight.facts import REMEMBERED
from deploys.preflight.survey import across, survey
from whisklab.engine.reasons import because
from whisklab.engine.resources.files import write_command
from whisklab.engine.ssh.remote import fail


@operation()
def fit(wish: Wish, by_route: Sequence[str]) -> Generator[FunctionCommand]:
    """Find the machine fit for the wish; yields nothing when it is, at most with warnings.

    All machines are asked at once, by the first host that comes here. With findings the host
    fails, after all of them were printed; in a dry run they are printed too.

    Args:
        wish: what this machine must be fit for.
        by_route: nodes whose pods speak with others through the card of the default route.
    """
    state = ctx_state.get()
    seen = survey(state).of(wish.name)
    if seen.machine is None:
        yield fail("answer: it gave none that can be understood (see above): run again")
        return
    others = across(state, [each.name for each in inventory], by_route)
    findings = accepted(
        [
            *judge(seen.machine.answer, replace(wish, peers=seen.peers)),
            *others.get(wish.name, []),
            *seen.forwarding,
        ],
        wish.settings.accept,
    )
    first_look = state.current_stage == StateStage.Prepare or not state.should_check_for_changes()
    for each in findings:
        if each.warning and first_look:
            logger.warning("%s%s", host.print_prefix, _sentence(each))
    bad = [_sentence(each) for each in findings if not each.warning]
    if not bad:
        return
    for sentence in bad:
        because(sentence)
        if state.current_stage == StateStage.Prepare:
            logger.error("%s%s", host.print_prefix, sentence)
    yield fail(*bad)


def _sentence(finding: Finding) -> str:
    return f"{finding.kind}: {finding.sentence}"


@operation()
def address_remembered(address: str) -> Generator[StringCommand]:
    """Have the machine know its node_address of this run; yields nothing when it does.

    It stands on the machine, not on the laptop: so anybody's laptop finds it, and a machine that
    was made anew, which is in no cluster, has forgotten it. Costs no command, `fit` has read it.
    """
    machine = survey(ctx_state.get()).of(host.name).machine
    if machine is not None and machine.answer.remembered != address:
        because(f"it remembers {machine.answer.remembered or 'none'}")
        yield write_command(REMEMBERED, address, "644", "root:root")
