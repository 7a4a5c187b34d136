"""One command per user task; no logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from reelmill import __version__
from reelmill.cli.options import faces as faces_options
from reelmill.cli.options import shared, takes
from reelmill.cli.options import subtitle as subtitle_options
from reelmill.cli.options import voice as voice_options
from reelmill.cli.options.groups import given
from reelmill.commands.signals import stop_when_told, work_is_over
from reelmill.core.garbage import collect_seldom
from reelmill.core.printable import printable
from reelmill.errors import ReelmillError

#: Click's own error, which Typer has inside, under a name that changed between its releases.
_CommandLineError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

EXIT_USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would take the defaults in [brackets] for markup
    help="Turns folders of recordings into what people need from them.",
)
models_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Models: list, pull, where they lie."
)
app.add_typer(models_app, name="models")


def _run(task: Callable[..., int], inputs: list[Path], options: dict[str, Any]) -> None:
    """A task with what the command line gave of its settings."""
    about_run = {name: options.pop(name) for name in ("fresh", "quiet", "as_json")}
    raise typer.Exit(task(inputs, given(options), **about_run))


@app.command()
@takes(*voice_options.GROUPS)
def voice(inputs: voice_options.Inputs, **options: Any) -> None:
    """Transcribe recordings: text with times, language, evidence that nothing was touched."""
    from reelmill.commands.voice import run_voice

    _run(run_voice, inputs, options)


@app.command()
@takes(*subtitle_options.GROUPS)
def subtitle(inputs: subtitle_options.Inputs, **options: Any) -> None:
    """Subtitles in another language: recognized, translated, laid out to be read."""
    from reelmill.commands.subtitle import run_subtitle

    _run(run_subtitle, inputs, options)


@app.command()
@takes(*faces_options.GROUPS)
def faces(inputs: faces_options.Inputs, **options: Any) -> None:
    """Cut videos to the people in them: clips, who is seen when, boxes for every frame."""
    from reelmill.commands.faces import run_faces

    _run(run_faces, inputs, options)


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help="A stage's name, or `list`.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Results of the stages before it (.cache/artifacts/...json)."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--of", help="voice, subtitle, faces [the first that has it].")
    ] = None,
    out: shared.Out = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the command, as --set to=ko; many times."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Recognizer.")] = None,
    translator: Annotated[str | None, typer.Option(help="Translator.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Languages, as ko,en.")] = None,
    device: shared.Device = None,
    config: shared.Config = None,
) -> None:
    """One step alone, from the results before it; says where its own result lies."""
    from reelmill.commands.stage import run_stage_command

    named = {"out": out, "model": model, "translator": translator, "to": to, "device": device}
    named["config"] = config
    raise typer.Exit(run_stage_command(name, files or [], command, named, setting or []))


@app.command()
@takes(shared.Run)
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Results go here.")] = Path(
        "reelmill-demo"
    ),
    **options: Any,
) -> None:
    """See it work on what is shipped: calls (one broken on purpose), a film, a video of people."""
    from reelmill.commands.demo import run_demo

    raise typer.Exit(run_demo(out, **options))


@app.command()
def verify(
    out: Annotated[Path, typer.Argument(help="A folder of results.")] = Path("analysis-results"),
    strict: Annotated[
        bool, typer.Option("--strict", help="Files that are not on record are wrong too.")
    ] = False,
    manifest_sha256: Annotated[
        str | None,
        typer.Option(help="The SHA-256 that the run printed at its end and you kept elsewhere."),
    ] = None,
) -> None:
    """Check originals and results against the evidence, and say what changed."""
    from reelmill.commands.verify import run_verify

    raise typer.Exit(run_verify(out, strict=strict, manifest_sha256=manifest_sha256))


@app.command()
def key() -> None:
    """Show the key by which your earlier work is known again, and how a team can share it."""
    from reelmill.commands.key import run_key

    raise typer.Exit(run_key())


@app.command()
def doctor(out: shared.Out = None) -> None:
    """Look at this machine: what is there, what is missing, what to do about it."""
    from reelmill.commands.voice import run_doctor

    raise typer.Exit(run_doctor(out or Path("analysis-results")))


@models_app.command("list")
def models_list() -> None:
    """Known and cached models, and where they lie."""
    from reelmill.commands.voice import run_models_list

    raise typer.Exit(run_models_list())


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="A size, hub name, or aligner:ko.")],
) -> None:
    """Fetch a model, so that later runs need no network."""
    from reelmill.commands.voice import run_models_pull

    raise typer.Exit(run_models_pull(name))


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if show:
        typer.echo(f"reelmill {__version__}")
        raise typer.Exit


def main() -> None:
    """The command line: an error of ours is one line and exit code 2."""
    collect_seldom()
    stop_when_told()
    try:
        sys.exit(app(standalone_mode=False))
    except ReelmillError as error:
        print(f"reelmill: {printable(str(error))}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        if not _was_given(error.filename, sys.argv[1:]):
            raise
        print(f"reelmill: {printable(f'{error.filename}: {error.strerror}')}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except _CommandLineError as error:
        error.message = "\n".join(map(printable, error.message.split("\n")))
        error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(EXIT_USAGE)
    finally:
        work_is_over()


def _was_given(path: object, arguments: Sequence[str]) -> bool:
    """Whether the system refused a file or folder that the command line names, or one below it."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    full = os.path.abspath(path)
    given = [os.path.abspath(one.partition("=")[2] or one) for one in arguments]
    return any(full == one or full.startswith(f"{one.rstrip(os.sep)}{os.sep}") for one in given)
