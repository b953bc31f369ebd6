"""The command line: one subcommand per public verb. Everything heavy is imported inside the commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from manyscale import cli_burden, cli_circuits
from manyscale.terminal import (
    EXAMPLES_HELP,
    example_rows,
    find_example,
    output,
    output_suffix,
    parse_options,
    parse_region,
    parse_values,
    passage_json,
    progress,
    run_benchmark,
    say,
    split,
    trajectory_file,
    trajectory_table,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Scales, certified reductions and simulation of models of living systems. Reads SBML, Antimony (.ant) and "
    "BioNetGen .net files. Start with: manyscale analyze MODEL -o out",
    epilog="Exit codes: 0 done (also when a reduction was refused), 2 bad input, 3 an element that is not supported.",
)

ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="An SBML (.xml), Antimony (.ant) or .net file.")]
Observables = Annotated[
    list[str] | None,
    typer.Option(help="What you want to keep seeing: ids, comma-separated or repeated. Default: all species."),
]
Horizon = Annotated[
    str | None,
    typer.Option(help='How long to look: a number in the model\'s time unit or with a unit, such as "100 s".'),
]
Tolerance = Annotated[float, typer.Option(help="Largest accepted error, as a share of each observable's maximum.")]
Region = Annotated[
    list[str] | None,
    typer.Option(
        help="Where the small model must be right: a factor r (every positive initial value and rate constant in "
        "[x/r, r x]; default 2), or repeated ID=LOW:HIGH as factors (k1=0.5:2) or with units (S='1 nM:4 nM')."
    ),
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="ID=VALUE", help="Change a value for this run.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, all else on stderr.")]
Points = Annotated[int, typer.Option(min=1, help="Held-back points at which full and small model are compared.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(help="Stop after this many seconds and keep the best so far (default: 90 for the search)."),
]
Formulas = Annotated[
    bool, typer.Option("--formulas", help="Eliminate only what follows by formula: no algebraic equations.")
]
Rigorous = Annotated[
    bool, typer.Option("--rigorous", help="Try to prove the error bound over the region (docs/rigorous.md).")
]
Proved = Annotated[bool, typer.Option("--proved", help="Keep only steps that are proved (docs/rigorous.md).")]
Seed = Annotated[int, typer.Option(help="Seed of the random points.")]


def _question(observables, horizon, tolerance, region):
    from manyscale.model.question import Question

    horizon_value: float | str | None = horizon
    if horizon is not None:
        try:
            horizon_value = float(horizon)
        except ValueError:
            horizon_value = horizon
    return Question(
        observables=split(observables), horizon=horizon_value, tolerance=tolerance, region=parse_region(region)
    )


@app.command()
def analyze(
    model: ModelFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path("out"),
    observables: Observables = None,
    horizon: Horizon = None,
    tolerance: Tolerance = 0.05,
    region: Region = None,
    set_: Set = None,
    points: Points = 32,
    seed: Seed = 0,
    time_limit: TimeLimit = None,
    formulas: Formulas = False,
    rigorous: Rigorous = False,
    proved: Proved = False,
    json: Json = False,
) -> None:
    """Find time scales and a certified smaller model; write a report.

    Writes report.html (to read), study.json (to replay) and, if the model could be made smaller, reduced.xml (SBML).
    Without options the question is derived from the model and printed.
    """
    from manyscale.reports.html import report
    from manyscale.reports.text import closing, question_lines, verdict_lines
    from manyscale.study.analysis import analyze as run
    from manyscale.study.files import save

    with output(json) as answer, progress() as note:
        study = run(
            model,
            _question(observables, horizon, tolerance, region),
            values=parse_values(set_),
            points=points,
            seed=seed,
            time_limit=time_limit,
            formulas=formulas,
            rigorous=rigorous,
            proved=proved,
            progress=note,
        )
        files = save(study, out)
        files["report"] = report(study, out / "report.html")
        for line in (*question_lines(study), *verdict_lines(study)):
            say(line, answer.quiet)
        answer.json = study.summary()
        for line in closing(files):
            say(line, answer.quiet)


@app.command()
def replay(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study.json that `analyze` wrote.")],
    json: Json = False,
) -> None:
    """Do a study again from its record; say whether results agree."""
    from manyscale.study.replaying import replay as run

    with output(json) as answer, progress() as note:
        found = run(study, progress=note)
        answer.json = found.to_dict()
        for line in found.lines():
            say(line, answer.quiet)
    if not found.agrees:
        raise typer.Exit(1)


@app.command()
def simulate(
    model: ModelFile,
    end: Annotated[
        float | None, typer.Option(help="Last time, in the model's time unit. Default: 5 / slowest rate.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Number of intervals between 0 and the last time.")] = 200,
    observables: Observables = None,
    set_: Set = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance.")] = 1e-6,
    atol: Annotated[
        float | None, typer.Option(help="Absolute tolerance. Default: scaled to the model's units.")
    ] = None,
    level: Annotated[
        str, typer.Option(help="Level of description: ode, jump (exact stochastic paths), tau, langevin, lna, ...")
    ] = "ode",
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="An option of the level: epsilon=0.01, until='X > 9', keep=moments, file=x.nc."
        ),
    ] = None,
    replicates: Annotated[
        int | None, typer.Option(min=1, help="Paths of a stochastic level; CSV then has means and standard deviations.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Makes stochastic paths repeatable.")] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Amounts without units are numbers of molecules.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File: .csv, .nc (NetCDF), .png, .svg, .pdf. Default: CSV to stdout."),
    ] = None,
    json: Json = False,
) -> None:
    """Run a model at any level; write a table, a NetCDF file or a picture."""
    import numpy as np

    import manyscale as ms

    with output(json) as answer:
        output_suffix(out)
        read = ms.read(model)
        if end is None:
            from manyscale.scales import resolve

            end = float(resolve(read, ms.Question()).horizon)
            say(f"simulating to {end:.6g} (5 / slowest rate); choose with --end", True)
        run = ms.simulate(
            read, np.linspace(0.0, end, steps + 1), values=parse_values(set_), rtol=rtol, atol=atol,
            level=level, replicates=replicates, seed=seed, counts=counts, **parse_options(option),
        )  # fmt: skip
        for remark in run.remarks:
            say(remark, True)
        table = trajectory_table(run, split(observables))
        if json:
            answer.json = {"times": table.pop("time"), "values": table, **passage_json(run)}
        else:
            trajectory_file(run, table, out)


@app.command()
def measure(
    model: ModelFile,
    observables: Observables = None,
    horizon: Horizon = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Show what is fast, what is slow, and where the gap is."""
    from manyscale.reports.text import scale_lines
    from manyscale.study.analysis import measured

    with output(json) as answer, progress() as note:
        found = measured(model, _question(observables, horizon, 0.05, None), values=parse_values(set_), progress=note)
        answer.json = found
        for line in scale_lines(found):
            say(line, answer.quiet)


@app.command()
def nondimensionalize(
    model: ModelFile,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for dimensionless.xml, .json and .html.")
    ] = None,
    observables: Observables = None,
    horizon: Horizon = None,
    region: Region = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Take the dimensions out of a model: scales, groups, what is small and what it compares."""
    from manyscale.engines.simulate import as_model
    from manyscale.reports.dimensionless import write_all
    from manyscale.scales.nondimensional import nondimensionalize as run
    from manyscale.study.values import with_values

    with output(json) as answer, progress() as note:
        question = _question(observables, horizon, 0.05, region)
        found = run(with_values(as_model(model), parse_values(set_)), question, progress=note)
        answer.json = found.to_dict()
        say(str(found), answer.quiet)
        for name, path in write_all(found, out).items() if out is not None else ():
            say(f"{name}: {path}", answer.quiet)


@app.command()
def audit(
    model: ModelFile,
    horizon: Horizon = None,
    tolerance: Tolerance = 0.05,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Say which quasi-steady-state laws (Michaelis-Menten and the like) hold for the model's own parameters."""
    from manyscale.bridges.audit import audit as run
    from manyscale.engines.simulate import as_model
    from manyscale.study.values import with_values

    with output(json) as answer, progress() as note:
        question = _question(None, horizon, tolerance, None)
        found = run(with_values(as_model(model), parse_values(set_)), question, progress=note)
        answer.json = found.to_dict()
        say(str(found), answer.quiet)


@app.command()
def reduce(
    model: ModelFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="File for the small model: .xml or .ant.")] = Path(
        "reduced.xml"
    ),
    observables: Observables = None,
    horizon: Horizon = None,
    tolerance: Tolerance = 0.05,
    region: Region = None,
    set_: Set = None,
    points: Points = 32,
    seed: Seed = 0,
    time_limit: TimeLimit = None,
    formulas: Formulas = False,
    explain: Annotated[bool, typer.Option("--explain", help="Tell the path of the search in words.")] = False,
    json: Json = False,
) -> None:
    """Make a model smaller, check it, write the small model only."""
    from manyscale.formats import write
    from manyscale.reports.text import verdict_lines
    from manyscale.study.analysis import analyze as run

    with output(json) as answer, progress() as note:
        study = run(
            model,
            _question(observables, horizon, tolerance, region),
            values=parse_values(set_),
            points=points,
            seed=seed,
            time_limit=time_limit,
            formulas=formulas,
            progress=note,
            pictures=False,
        )
        for line in verdict_lines(study):
            say(line, answer.quiet)
        if explain and study.reduction is not None and study.resolved is not None:
            from manyscale.bridges.explain import explain as in_words

            for line in ("", *in_words(study.reduction, study.resolved)):
                say(line, answer.quiet)
        answer.json = study.summary()
        if study.chain and study.coarse is not None:
            write(study.coarse, out)
            say(f"reduced: {out}", answer.quiet)


@app.command()
def verify(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study.json that `analyze` wrote.")],
    points: Points = 200,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Check a study's small model at new points of the region."""
    from manyscale.study.replaying import verify_again

    with output(json) as answer, progress() as note:
        found = verify_again(study, points=points, seed=seed, progress=note)
        answer.json = found.to_dict()
        for line in found.lines():
            say(line, answer.quiet)
    if found.violations:
        raise typer.Exit(1)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="An SBML, Antimony or .net file.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .xml (SBML L3V2) or .ant (Antimony).")],
) -> None:
    """Read a model in one format, write it in another."""
    from manyscale.formats import read, write

    model = read(source)
    for remark in model.remarks:
        say(f"note: {remark}", True)
    say(f"wrote: {write(model, target)}")


@app.command(epilog=EXAMPLES_HELP)
def examples(
    action: Annotated[str, typer.Argument(help="list, show or copy")] = "list",
    name: Annotated[str | None, typer.Argument(help="Name of an example, or its beginning.")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to copy to.")] = Path("."),
) -> None:
    """Published models that come with manyscale."""
    from manyscale.errors import InputError

    if action == "list" and name is None:
        for row in example_rows():
            say(row)
        return
    if action not in ("copy", "show") or name is None:
        raise InputError("use: manyscale examples | manyscale examples show NAME | manyscale examples copy NAME")
    path = find_example(name)
    if action == "show":
        say(path.read_text(encoding="utf-8").rstrip())
        return
    target = out / path.name if out.is_dir() or not out.suffix else out
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(path.read_bytes())
    say(f"wrote: {target}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="ode, ensemble, cold, corpus, pairs, circuits, lump; options after it are passed on.")
    ],
) -> None:
    """Measure speed and coverage against other tools (in a checkout)."""
    raise typer.Exit(run_benchmark(name, context.args))


cli_circuits.register(app)
cli_burden.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: every error is one line with its fix; --debug shows where it came from."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if debug:
        words.remove("--debug")
    from manyscale.terminal import explain

    if words in (["--version"], ["-V"]):
        from manyscale import __version__

        print(f"manyscale {__version__}")
        sys.exit(0)
    try:
        code = app(words, prog_name="manyscale", standalone_mode=False)
    except BaseException as error:
        if debug and isinstance(error, Exception):
            raise
        code = explain(error, json="--json" in words)
    sys.exit(code if isinstance(code, int) else 0)
