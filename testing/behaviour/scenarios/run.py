"""Compares two libraries: run.py STOCK OURS [--jobs N] [--verbose] [REGEX]

Every scenario whose name matches runs on both, and its two transcripts are compared. A line is
printed for each; the exit status is 0 when no scenario differs.
"""
import argparse
import difflib
import json
import os
import re
import subprocess
import sys

import kit
import worker

HERE = os.path.dirname(os.path.abspath(__file__))


def transcripts(path, which, jobs, names):
    """The lines of each scenario, by name."""
    if not names:
        return lambda: {}
    command = [sys.executable, os.path.join(HERE, "worker.py"), path, which, str(jobs), *names]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait():
        output = child.communicate()[0]
        return {r["name"]: r["lines"] for r in map(json.loads, output.splitlines())}
    return wait


def compare(stock, ours):
    """The differences, as lines to print."""
    bad = [line for line in ours if line.startswith("!!")]
    if stock is not None:
        left = [line for line in stock if not line.startswith("##")]
        bad = bad + [line for line in difflib.ndiff(left, ours) if line[0] in "-+"]
    if "end" not in ours[-1:]:
        bad.append("no end")
    return bad


def run(options, names):
    both = [name for name in names if not kit.SCENARIOS[name].alone]
    stock = transcripts(options.stock, "stock", options.jobs, both)
    ours = transcripts(options.ours, "ours", options.jobs, names)
    stock, ours = stock(), ours()
    return {name: (stock.get(name), ours.get(name, ["!! no result"])) for name in names}


def crashed(transcript):
    return any(line.startswith("!! killed") for line in transcript)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stock")
    parser.add_argument("ours")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("regex", nargs="?", default="")
    options = parser.parse_intermixed_args()
    worker.load()
    names = [name for name in sorted(kit.SCENARIOS) if re.search(options.regex, name)]
    if not names:
        sys.exit("no scenario has such a name")
    results = run(options, names)
    again = [name for name in names if compare(*results[name]) and not crashed(results[name][1])]
    for name in again:
        print(f"again  {name}: {compare(*results[name])[0]}")
    if again:
        # What differs runs once more, alone: a busy machine is not a difference. A crash is.
        options.jobs = 1
        results.update(run(options, again))
    failed = 0
    for name in names:
        stock, ours = results[name]
        bad = compare(stock, ours)
        failed += bool(bad)
        alone = " (ours alone)" if stock is None else ""
        print(f"{'DIFFER' if bad else 'ok    '} {name}{alone}")
        for line in ours if options.verbose else []:
            print(f"         {line}")
        for line in bad:
            print(f"    {line}")
        for line in stock or []:
            if line.startswith("##") and (options.verbose or bad):
                print(f"    {line}")
    print(f"{len(names) - failed} alike, {failed} differ")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
