"""`tickhouse check-data`: all that a data folder or a backup holds is read, and what is damaged is named."""

from collections.abc import Iterator
from pathlib import Path

import typer

from cli.composition.backups import MANIFEST_FILE, changed_files, read_backup
from cli.composition.data_folder import require_data_folder
from cli.composition.eventhouses import find_target
from cli.composition.hub import LOG_FOLDER
from cli.composition.instances import serving
from cli.composition.pipelines import SPOOL_FOLDER
from cli.errors import CliError
from cli.settings.target import TargetSettings
from emulator.engine.data_folder.checking import Finding, accept_loss, check_database
from emulator.eventhubs.hubs.checking import check_hubs
from producer.pipeline.spool import unreadable_bytes


def run_check_data(given: TargetSettings, *, accept: bool) -> None:
    """Print what the folder holds; exit code 1 where something is missing or damaged."""
    folder = find_target(given).folder if given.data is None else given.data
    if folder is None:
        raise CliError("that Eventhouse keeps its data in memory", hint="name a data folder with --data")
    require_data_folder(folder)
    if (served := serving(folder)) is not None:
        raise CliError(
            f"data folder '{folder}' is served at {served.url}",
            hint="end that process, or check a backup of it: `tickhouse backup`",
        )
    if accept:
        for line in accept_loss(folder):
            typer.echo(line)
    findings = list(_findings(folder))
    for finding in findings:
        typer.echo(f"{'damaged' if finding.is_problem else 'fine':<8} {finding.part}: {finding.text}")
    if any(finding.is_problem for finding in findings):
        raise typer.Exit(1)


def _findings(folder: Path) -> Iterator[Finding]:
    if (folder / MANIFEST_FILE).exists():
        backup = read_backup(folder)
        changed = changed_files(folder, backup)
        text = (
            f"not what was backed up: {', '.join(changed)}" if changed else f"{len(backup.files):,} files as backed up"
        )
        yield Finding(MANIFEST_FILE, text, is_problem=bool(changed))
    yield from check_database(folder)
    for name, text, is_problem in check_hubs(folder / LOG_FOLDER):
        yield Finding(f"{LOG_FOLDER}/{name}", text, is_problem)
    if (spool := folder / SPOOL_FOLDER).is_dir():
        for path, left in unreadable_bytes(spool):
            yield Finding(f"{SPOOL_FOLDER}/{path.name}", f"{left:,} bytes cannot be read", is_problem=True)
