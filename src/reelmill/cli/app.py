"""One command per user task; no logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from reelmill import __version__
from reelmill.cli.options import case as case_options
from reelmill.cli.options import correct as correct_options
from reelmill.cli.options import faces as faces_options
from reelmill.cli.options import serve as serve_options
from reelmill.cli.options import shared, takes
from reelmill.cli.options import subtitle as subtitle_options
from reelmill.cli.options import voice as voice_options
from reelmill.cli.options import watch as watch_options
from reelmill.cli.options.groups import given
from reelmill.commands.signals import stop_when_told, work_is_over
from reelmill.core.garbage import (
    begin_without_collection,
    collect_from_now_on,
    collect_seldom,
    leave_garbage_at_exit,
)
from reelmill.core.invocation import typed
from reelmill.core.printable import printable
from reelmill.errors import ReelmillError, UsageError

#: Click's own error. Typer vendors it under a name that has changed between releases.
_CommandLineError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

EXIT_USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich would read the defaults in [brackets] as markup
    help="Turn folders of recordings into transcripts, subtitles and clips of people.",
)
models_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List and download models."
)
app.add_typer(models_app, name="models")
patterns_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and try the patterns of `voice --forensic`.",
)
app.add_typer(patterns_app, name="patterns")
serve_app = typer.Typer(rich_markup_mode=None)
app.add_typer(serve_app, name="serve")


def _run(name: str, inputs: list[Path], options: dict[str, Any], **more: Any) -> None:
    """Run a task with the settings given on the command line. `more`: what else it takes, if it
    runs in this process alone."""
    begin_without_collection()  # until it has started; see `run_command`
    try:
        _carry_out(name, inputs, options, more)
    finally:
        collect_from_now_on()


def _carry_out(
    name: str, inputs: list[Path], options: dict[str, Any], more: dict[str, Any]
) -> None:
    from reelmill.commands.task import run_task

    about_run = {option: options.pop(option) for option in ("fresh", "quiet", "as_json")}
    sharing = {option: options.pop(option) for option in ("claim", "shard")}
    names = ("on", "broker", "address", "actor_cores", "roots", "priority")
    elsewhere = {option: options.pop(option) for option in names}
    settings = given(options)
    if elsewhere["on"]:
        from reelmill.commands.submit import submit

        if any(sharing.values()):
            raise UsageError("--on does not go with --claim or --shard")
        collect_from_now_on()
        raise typer.Exit(submit(name, inputs, settings, {**about_run, **elsewhere}))
    if settings.get("store") is not None:
        raise UsageError("--store goes with --on celery or --on ray")
    if any(sharing.values()):
        from reelmill.commands.shared_folder import work_as_one_of_several

        code = work_as_one_of_several(name, inputs, settings, {**about_run, **sharing})
        if code is not None:
            raise typer.Exit(code)
    raise typer.Exit(run_task(name, inputs, settings, **about_run, **more))


@app.command()
@takes(*voice_options.GROUPS)
def voice(inputs: voice_options.Inputs, **options: Any) -> None:
    """Transcribe recordings, with times and speakers."""
    from reelmill.commands.head_start import head_start
    from reelmill.pipelines import worker_imports

    with head_start(options, worker_imports.VOICE) as early:
        _run("voice", inputs, options, head_start=early)


@app.command()
@takes(*subtitle_options.GROUPS)
def subtitle(inputs: subtitle_options.Inputs, **options: Any) -> None:
    """Subtitle videos in another language."""
    _run("subtitle", inputs, options)


@app.command()
@takes(*faces_options.GROUPS)
def faces(inputs: faces_options.Inputs, **options: Any) -> None:
    """Cut videos into clips of the people in them."""
    from reelmill.commands.head_start import head_start
    from reelmill.pipelines import worker_imports

    with head_start(options, worker_imports.FACES) as early:
        _run("faces", inputs, options, head_start=early)


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help="Name of a stage, or `list` to list all.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Results of earlier stages (.cache/artifacts/...json), or for a first stage the "
            "recording."
        ),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option("--of", help="Command: voice, subtitle or faces [first with this stage]."),
    ] = None,
    out: shared.Out = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the command, e.g. --set to=ko; repeatable."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Recognizer.")] = None,
    translator: Annotated[str | None, typer.Option(help="Translator.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Target languages, e.g. ko,en.")] = None,
    device: shared.Device = None,
    config: shared.Config = None,
) -> None:
    """Run one stage alone, from the results of earlier stages.

    Prints the path of its result."""
    from reelmill.commands.stage import run_stage_command

    named = {"out": out, "model": model, "translator": translator, "to": to, "device": device}
    named["config"] = config
    raise typer.Exit(run_stage_command(name, files or [], command, named, setting or []))


@app.command()
@takes(watch_options.Watch)
def watch(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The folder [all that have a file in your config folder]."),
    ] = None,
    **options: Any,
) -> None:
    """Take recordings as they arrive in a folder.

    Runs until it is stopped (Ctrl-C, SIGTERM). A file is taken when it has stopped growing, once,
    also after a restart."""
    from reelmill.commands.watch import run_watch

    about_run = {name: options.pop(name) for name in ("quiet", "as_json")}
    pairs = options.pop("setting") or []
    raise typer.Exit(run_watch(folder, options, pairs, **about_run))


@app.command()
def worker(
    broker: shared.Broker = None,
    device: shared.Device = None,
    roots: shared.Roots = None,
    store: shared.Store = None,
    shards_at_once: Annotated[
        int, typer.Option(min=1, max=16, help="Shards in work at a time [2].")
    ] = 2,
) -> None:
    """Do the work that `voice --on celery` and others submit."""
    from reelmill.commands.worker import run_worker

    raise typer.Exit(run_worker(broker, roots or [], device, shards_at_once, store=store))


@app.command()
@takes(shared.Run)
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for results.")] = Path(
        "reelmill-demo"
    ),
    **options: Any,
) -> None:
    """Try all three commands on bundled samples.

    The samples are phone calls (one of them broken on purpose), a film and a video of people."""
    from reelmill.commands.demo import run_demo

    raise typer.Exit(run_demo(out, **options))


@app.command()
@takes(case_options.Checks)
def verify(
    out: Annotated[Path, typer.Argument(help="Folder of results.")] = Path("analysis-results"),
    **options: Any,
) -> None:
    """Check that originals and results are unchanged.

    Compares them with the hashes in the evidence files and in the custody log, and lists every
    difference. Checks signatures, time stamps and bags too. Exit code 1 means that something
    differs."""
    from reelmill.commands.verify import run_verify

    raise typer.Exit(run_verify(out, **options))


@app.command()
@takes(correct_options.Correct)
def correct(
    target: Annotated[
        Path, typer.Argument(help="A recording: OUT/NAME, or one of its result files.")
    ],
    **options: Any,
) -> None:
    """Correct words, speakers and turns of a transcript.

    All files of the recording are written anew. The machine's text is kept, and every correction
    can be taken back."""
    from reelmill.commands.correct import Wanted, run_correct

    raise typer.Exit(run_correct(target, Wanted(**options)))


@app.command()
@takes(case_options.Case)
def case(out: Annotated[Path, typer.Argument(help="Folder of results.")], **options: Any) -> None:
    """Sign, time-stamp, pack or show the evidence of a folder.

    Without options it prints the head of the custody log."""
    from reelmill.commands.case import Wanted, run_case

    raise typer.Exit(run_case(out, Wanted(**options)))


@app.command()
def find(
    out: Annotated[Path, typer.Argument(help="A folder of results.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="All of these, in one line. Quoted words are a phrase; a "
            "star stands for any ending of a word."
        ),
    ] = None,
    speaker: Annotated[str | None, typer.Option(help="Lines of this speaker only.")] = None,
    recording: Annotated[
        str | None, typer.Option(help="Only recordings of this name; * and ? stand for others.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Not before this time: seconds or h:mm:ss.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Not after this time.")] = None,
    only: Annotated[
        str | None, typer.Option(help="speech, translation or finding, by commas [all].")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most lines to show.")] = 200,
    json_lines: Annotated[
        bool, typer.Option("--json", help="Print JSON, an object per line.")
    ] = False,
) -> None:
    """Find what was said, by words, speaker, recording and time."""
    from reelmill.commands.find import query_of, run_find

    query = query_of(words or [], speaker, recording, start, end, only, limit)
    raise typer.Exit(run_find(out, query, json_lines=json_lines))


@app.command()
def key(
    signing: Annotated[
        bool, typer.Option("--signing", help="Make a key for signing custody logs.")
    ] = False,
) -> None:
    """Show your key and how a team can share it.

    Reelmill marks its results with this key, and reuses only results that carry the mark."""
    from reelmill.commands.key import run_key, run_signing_key

    raise typer.Exit(run_signing_key() if signing else run_key())


@app.command()
def doctor(out: shared.Out = None) -> None:
    """Check this machine and say how to fix problems."""
    from reelmill.commands.doctor import run_doctor

    raise typer.Exit(run_doctor(out or Path("analysis-results")))


@models_app.command("list")
def models_list() -> None:
    """List known and downloaded models, with their paths."""
    from reelmill.commands.models import run_models_list

    raise typer.Exit(run_models_list())


@models_app.command("pull")
def models_pull(
    name: Annotated[
        str,
        typer.Argument(help="Size, hub name, aligner:LANGUAGE, faces:vggface2 or speaking:lr-asd."),
    ],
) -> None:
    """Download a model, so that later runs need no network."""
    from reelmill.commands.models import run_models_pull

    raise typer.Exit(run_models_pull(name))


@patterns_app.command("list")
def patterns_list(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Pattern files of your own to list too.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Only this language, e.g. ko.")] = None,
) -> None:
    """List all patterns, with what each stands for."""
    from reelmill.commands.patterns import run_patterns_list

    raise typer.Exit(run_patterns_list(files or [], language))


@patterns_app.command("test")
def patterns_test(
    file: Annotated[Path, typer.Argument(help="A pattern file (TOML).")],
    on: Annotated[
        list[str] | None,
        typer.Argument(help="A text in quotes, a JSON result or a folder of results."),
    ] = None,
) -> None:
    """Show what a pattern file finds, and on what it is wrong.

    It is tried on its own examples and look-alikes, on everyday sentences, and on what is
    given. Exit code 1 means that it is wrong about one of the first three."""
    from reelmill.commands.patterns import run_patterns_test

    raise typer.Exit(run_patterns_test(file, on or []))


@serve_app.callback(invoke_without_command=True)
@takes(serve_options.Serve)
def serve(context: typer.Context, **options: Any) -> None:
    """Serve pages to drop recordings into, watch them, and look at results.

    Only this machine can reach it, unless --host is given."""
    if context.invoked_subcommand is None:
        from reelmill.commands.serve import Wanted, run_serve

        raise typer.Exit(run_serve(Wanted(**options)))


@serve_app.command()
def password(
    name: serve_options.Name,
    role: serve_options.Role = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove this person.")] = False,
    file: serve_options.PasswordFile = None,
) -> None:
    """Give a person a password and a role.

    The password is asked for, or read from a pipe."""
    from reelmill.commands.serve_people import run_password

    raise typer.Exit(run_password(name, role, file, remove=remove))


@serve_app.command("key")
def serve_key(name: serve_options.Name, file: serve_options.PasswordFile = None) -> None:
    """Make a key for a person's programs, and print it once."""
    from reelmill.commands.serve_people import run_key as run_serve_key

    raise typer.Exit(run_serve_key(name, file))


@serve_app.command("people")
def serve_people(file: serve_options.PasswordFile = None) -> None:
    """List who can log in, and their roles."""
    from reelmill.commands.serve_people import run_people

    raise typer.Exit(run_people(file))


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if show:
        typer.echo(f"reelmill {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. A ReelmillError becomes one line on stderr and exit code 2."""
    collect_seldom()
    leave_garbage_at_exit()
    stop_when_told()
    typed(sys.argv[1:])
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
    """Whether `path`, which the system refused, is named on the command line or lies below a
    folder that is."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    full = os.path.abspath(path)
    given = [os.path.abspath(one.partition("=")[2] or one) for one in arguments]
    return any(full == one or full.startswith(f"{one.rstrip(os.sep)}{os.sep}") for one in given)
