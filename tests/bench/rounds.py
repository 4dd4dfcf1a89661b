"""What benches share: interleaved rounds of ours and of peers in one run, CPU seconds of whole process trees as the
kernel tells them, and ratios with their spread. Standard library only.

A bench makes one Bench, calls `rounds` with what each side does in one round, holds figures against goals, and calls
`finish`. Figures of one round stand beside the peer's of the same round, so that a machine that is busy or slow for a
while is so for both.
"""
import glob
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from tests.bench.goals import GOALS, verdict

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build/release"))
RESULTS = os.path.join(ROOT, "build/bench")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def size(name, default):
    """A size that the environment may set: BENCH_<name>."""
    return int(os.environ.get(f"BENCH_{name}", default))


def machine():
    """What a figure depends on besides our code."""
    with open("/proc/cpuinfo") as file:
        models = {line.split(":", 1)[1].strip() for line in file if line.startswith("model name")}
    versions = {name: subprocess.run(words, stdout=subprocess.PIPE, check=False).stdout.decode().strip()
                for name, words in {"openssl": ["openssl", "version"], "psql": ["psql", "--version"]}.items()}
    return {"cpu": ", ".join(sorted(models)) or platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20, **versions}


def stat_of(pid):
    """(parent, CPU seconds of itself and of the children that it waited for), or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), sum(int(word) for word in fields[11:15]) * TICK_S


def tree(*roots):
    """The process ids of these processes and of all that live below them."""
    parents = {}
    for path in glob.glob("/proc/[0-9]*"):
        pid = int(os.path.basename(path))
        found = stat_of(pid)
        if found:
            parents[pid] = found[0]
    members = {root for root in roots if root in parents}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return members


def cpu_s(*roots):
    """CPU seconds, user and system, that these processes and their descendants have used since they began. Of a
    PostgreSQL cluster the postmaster is the root: backends that have ended count through it."""
    return sum(found[1] for found in map(stat_of, tree(*roots)) if found)


def memory_kb(*roots):
    """Memory that is these processes' own: their proportional share of what they share counts too."""
    total = 0
    for pid in tree(*roots):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def postmaster(data_folder):
    """The process id of the server that runs on this data folder."""
    with open(os.path.join(data_folder, "postmaster.pid")) as file:
        return int(file.readline())


class Spread:
    """Figures of several rounds: their median, and how far they lie apart."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)

    def __str__(self):
        return f"{self.median:.4g} ({self.values[0]:.4g} to {self.values[-1]:.4g})"


class Bench:
    """One bench: its rounds, its table, its part of the report."""

    def __init__(self, path, title):
        self.name = os.path.basename(path).removeprefix("bench_").removesuffix(".py")
        self.title = title
        self.machine = machine()
        self.played = []  # a dict a round and side
        self.table = []  # rows of goals
        self.notes = []
        self.began = time.monotonic()

    def rounds(self, sides, count=None, phase=""):
        """Plays each side once in each round; who begins changes. A side is a function that returns a dict of
        figures, printed as one JSON line. The phase tells these rounds from others of the same bench."""
        names = list(sides)
        for number in range(count or size("ROUNDS", 5)):
            for side in names if number % 2 == 0 else reversed(names):
                load = os.getloadavg()[0]
                figures = sides[side]()
                line = {"bench": self.name, "phase": phase, "round": number + 1, "side": side, **figures}
                self.played.append(line)
                print(json.dumps({**line, "load": round(load, 2), "machine": self.machine}), flush=True)

    def figures(self, side, figure, phase=""):
        return [line[figure] for line in self.played if line["side"] == side and line["phase"] == phase]

    def ratios(self, figure, ours, peer, phase=""):
        """Ours divided by the peer's, round by round."""
        pairs = zip(self.figures(ours, figure, phase), self.figures(peer, figure, phase), strict=True)
        return Spread([mine / theirs for mine, theirs in pairs])

    def goal(self, number, spread, remark=""):
        """Holds a Spread, or one value, against a goal."""
        spread = spread if isinstance(spread, Spread) else Spread([spread])
        self.table.append({"goal": number, "value": spread.median, "low": spread.values[0], "high": spread.values[-1],
                           "rounds": len(spread.values), "verdict": verdict(number, spread.median), "remark": remark})

    def note(self, text):
        """A sentence for the report: a size, a figure that is no goal."""
        self.notes.append(text)

    def figures_table(self):
        """Median and spread of every figure of every side, as Markdown."""
        lines = ["| rounds of | figure | median | from | to |", "|---|---|---|---|---|"]
        for phase, side in dict.fromkeys((line["phase"], line["side"]) for line in self.played):
            rows = [line for line in self.played if (line["phase"], line["side"]) == (phase, side)]
            for figure in rows[0]:
                values = [row.get(figure) for row in rows]
                if figure != "round" and all(isinstance(value, (int, float)) for value in values):
                    spread = Spread(values)
                    lines.append(f"| {side}{', ' + phase if phase else ''} | {figure} | {spread.median:.5g} "
                                 f"| {spread.values[0]:.5g} | {spread.values[-1]:.5g} |")
        return lines

    def finish(self):
        """Prints the table of ratios and keeps what the report is made of."""
        os.makedirs(RESULTS, exist_ok=True)
        with open(os.path.join(RESULTS, f"{self.name}.json"), "w") as file:
            json.dump({"name": self.name, "title": self.title, "machine": self.machine, "table": self.table,
                       "figures": self.figures_table() if self.played else [], "notes": self.notes,
                       "seconds": round(time.monotonic() - self.began)}, file, indent=1)
        print("\n".join(goals_table(self.table)))
        for text in self.notes:
            print(f"note: {text}")
        sys.stdout.flush()


def goals_table(rows):
    """Goals beside what was reached, as Markdown."""
    lines = ["| # | goal | reach | stretch | median | from | to | rounds | |", "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        goal = GOALS[row["goal"]]
        limits = ["" if limit is None else f"{'≥' if goal.more else '≤'} {limit}" for limit in (goal.reach, goal.stretch)]
        remark = f"; {row['remark']}" if row["remark"] else ""
        lines.append(f"| {row['goal']} | {goal.what} | {limits[0]} | {limits[1]} | **{row['value']:.3g}** | {row['low']:.3g} "
                     f"| {row['high']:.3g} | {row['rounds']} | {row['verdict']}{remark} |")
    return lines
