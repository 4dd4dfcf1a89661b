"""The goals of speed, in one place: what each is held against, and where it is reached. A goal is a ratio or a count
of one run, never a time by itself: machines differ, and ratios of interleaved rounds stay.
"""
import collections

# `reach` and `stretch` are limits; `more` says that a larger figure is the better one. None: only told.
Goal = collections.namedtuple("Goal", "what reach stretch more", defaults=(None, None, False))

GOALS = {
    "S1": Goal("CPU per first boot, redirector and PostgreSQL together, against nginx tuned", 0.70, 0.60),
    "S2": Goal("CPU per first boot, redirector alone, against the bare public-key work of the handshake", 2.5, 2.0),
    "S3": Goal("p99 of a first boot at 64 concurrent, one worker, against nginx tuned", 1.0, 0.8),
    "S4": Goal("memory per idle connection after the handshake, against nginx tuned", 1.25, 1.0),
    "S5": Goal("CPU per first boot with two workers against one", 1.15),
    "S6": Goal("CPU per first boot with all devices on record against few", 1.10),
    "S7": Goal("first boots that failed while the primary was killed and a standby promoted", 0),
    "S8": Goal("time to serve all phones that came within a second, against what their handshakes cost", 2.0),
    "S9": Goal("certificates a second in batches, with record and audit, against cfssl", 1.5, 2.5, more=True),
    "S9b": Goal("CPU per certificate, our processes and PostgreSQL together, against cfssl", 1.0, 0.5),
    "S10": Goal("single EST enrolments a second on kept connections, against cfssl", 1.0, more=True),
    "S11": Goal("bulk claim, rows a second, against COPY and INSERT … ON CONFLICT of the same rows", 0.3, 0.5, more=True),
    "S12": Goal("single durable claims a second, 8 clients, against pgbench's insert of the row", 0.6, more=True),
    "S13": Goal("thousands of instructions in user space per first boot, redirector alone"),
}


def verdict(number, value):
    """How a value stands to its goal, in a word or two."""
    goal = GOALS[number]

    def is_within(limit):
        return limit is not None and (value >= limit if goal.more else value <= limit)

    if goal.reach is None:
        return "told"
    return "stretch reached" if is_within(goal.stretch) else "reached" if is_within(goal.reach) else "missed"
