"""The command line: `mailwitness VERB`. Verbs stand in verbs_*.py; here they are gathered and errors become exits."""

from __future__ import annotations

import sys
import traceback

import typer

from mailwitness import __version__
from mailwitness.errors import MailwitnessError
from mailwitness.faces import (
    verbs_case,
    verbs_console,
    verbs_coverage,
    verbs_demo,
    verbs_directory,
    verbs_findings,
    verbs_integrity,
    verbs_people,
    verbs_questions,
    verbs_reach,
    verbs_report,
    verbs_retention,
    verbs_safekeeping,
    verbs_service,
    verbs_trail,
    verbs_watch,
)
from mailwitness.faces.exit_codes import FAILED
from mailwitness.faces.text import for_terminal

app = typer.Typer(
    name="mailwitness",
    help="The mailbox audit trail for Microsoft Exchange.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    verbs_trail,
    verbs_watch,
    verbs_directory,
    verbs_questions,
    verbs_coverage,
    verbs_reach,
    verbs_findings,
    verbs_case,
    verbs_integrity,
    verbs_report,
    verbs_demo,
    verbs_console,
    verbs_people,
    verbs_service,
    verbs_retention,
    verbs_safekeeping,
):
    module.add_to(app)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"mailwitness {__version__}\n")


def main() -> None:
    """Run the command line and exit with the codes of docs/commands.md."""
    try:
        app()
    except MailwitnessError as error:
        sys.stderr.write("".join(for_terminal(line) + "\n" for line in error.diagnostics().split("\n")))
        raise SystemExit(error.exit_code) from error
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
    except Exception as error:  # whatever it is: code 1 would say that findings exist
        sys.stderr.write("".join(for_terminal(line) + "\n" for line in traceback.format_exc().splitlines()))
        raise SystemExit(FAILED) from error


if __name__ == "__main__":
    main()
