"""Reads a table that lies beside it, and writes it in every format that a distribution offers."""

import csv
from importlib.metadata import entry_points, version
from importlib.resources import as_file, files


def main() -> None:
    with as_file(files("report") / "data" / "cities.csv") as path, path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    print((files("report") / "data" / "title.txt").read_text(encoding="utf-8").strip(), version("report"))
    for plugin in sorted(entry_points(group="report.formats"), key=lambda found: found.name):
        print(f"{plugin.name}:")
        print(plugin.load()(rows))
