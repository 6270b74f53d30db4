"""The `whisklab` command: one verb each, loaded when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from whisklab.errors import WhisklabError

# verb -> (module that has it, one line for --help). The modules are loaded only for their verb.
VERBS: dict[str, tuple[str, str]] = {
    "make": ("whisklab.cli.make", "Bring up a lab and deploy the whole platform on it."),
    "init": ("whisklab.cli.init", "Write an inventory of machines that you have."),
    "plan": ("whisklab.cli.deploy", "Tell what a deploy would change, and why."),
    "apply": ("whisklab.cli.deploy", "Deploy: bring machines to what the data say."),
    "adopt": ("whisklab.cli.adopt", "Take over the secrets of a platform that runs."),
    "verify": ("whisklab.cli.verify", "Try whether the platform works, from storage to functions."),
    "up": ("whisklab.cli.lab", "Bring up the machines of a lab."),
    "status": ("whisklab.cli.status", "Show what a lab and its platform are like now."),
    "ssh": ("whisklab.cli.lab", "Log into a machine of a lab, or run a command there."),
    "stop": ("whisklab.cli.lab", "Power the machines of a lab off; their disks stay."),
    "start": ("whisklab.cli.lab", "Start the machines of a stopped lab."),
    "rebuild": ("whisklab.cli.lab", "Give machines of a lab fresh disks."),
    "down": ("whisklab.cli.lab", "Remove a lab and all that was made for it."),
    "snapshot": ("whisklab.cli.snapshots", "Keep a lab as it is now, under a name."),
    "snapshots": ("whisklab.cli.snapshots", "List what was kept of a lab."),
    "restore": ("whisklab.cli.snapshots", "Have a lab as it was when a snapshot was taken."),
    "clone": ("whisklab.cli.snapshots", "Make a lab as a copy of another, or of its snapshot."),
    "log": ("whisklab.cli.log", "Show what the last runs have asked of the machines."),
    "certs": ("whisklab.cli.certs", "Show when certificates end, and renew them."),
    "kubectl": ("whisklab.cli.kubectl", "Ask a cluster with the kubectl of its own k3s."),
    "forward": ("whisklab.cli.forward", "Open local ports into an environment."),
    "actions": ("whisklab.cli.actions", "Write what people have in OpenWhisk to a file, and back."),
    "images": ("whisklab.cli.images", "Push, list and remove images of the registry."),
    "bundle": ("whisklab.cli.bundle", "Build and check the one file that closed networks need."),
    "settings": ("whisklab.cli.settings", "Print every setting, its default and its meaning."),
    "lock": ("whisklab.cli.lock", "Write the checksums of the catalogue into its lock."),
    "clean": ("whisklab.cli.lab", "Remove cached images and builds that nothing uses."),
}
INTERRUPTED = 130


class Verbs(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's interface)
        """The verbs in the order one uses them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a verb's module and take the command of that name."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(VERBS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="whisklab")
def cli() -> None:
    """From bare Linux machines to a verified serverless platform."""


def main() -> None:
    """Run the command. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with `arguments`; return its exit code."""
    try:
        result = cli.main(arguments, prog_name="whisklab", standalone_mode=False)
    except WhisklabError as error:
        click.echo(f"whisklab: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return result if isinstance(result, int) else 0
