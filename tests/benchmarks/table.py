"""The results as Markdown, and their place in docs/benchmarks.md.  Pure."""

from collections.abc import Mapping, Sequence

from benchmarks.figures import NO_GOAL, OURS, Figures, Goal, Limit, Ratios, missed

BEGIN, END = "<!-- results: written by 'make bench' -->", "<!-- end of results -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


COMPARED = (
    "work",
    "ours: wall, CPU",
    "fastest peer",
    "thriftiest peer",
    "wall (goal)",
    "CPU (goal)",
    "largest process",
    "verdict",
)


def compared(
    title: str,
    tools: Mapping[str, Figures],
    goal: Goal,
    found: Ratios | None,
    wrong: Mapping[str, str],
) -> list[str]:
    """A workload against its best peers, in one row."""
    if found is None:
        return [title, "failed" if OURS in wrong else "-", "-", "-", "-", "-", "-", "**FAILED**"]
    ours = tools[OURS]
    return [
        title,
        f"{seconds(ours.wall_seconds)}, {seconds(ours.cpu_seconds)}",
        f"{found.wall_peer} {seconds(tools[found.wall_peer].wall_seconds)}",
        f"{found.cpu_peer} {seconds(tools[found.cpu_peer].cpu_seconds)}",
        f"{found.wall:.1f}x{_goal(goal.wall)}{_rate(goal, found, ours)}",
        f"{found.cpu:.1f}x{_goal(goal.cpu)}{_engine(goal, found)}",
        f"{ours.peak_mb:.0f} MB",
        verdict(goal, found, ours, wrong),
    ]


def verdict(goal: Goal, found: Ratios, ours: Figures, wrong: Mapping[str, str]) -> str:
    """In one word; a peer that went wrong is no met goal."""
    if wrong:
        return "**a peer failed**"
    if missed(goal, found, ours):
        return "**missed**"
    return "no goal" if goal == NO_GOAL else "met"


EVERY = (
    "work",
    "tool",
    "runs",
    "wall s",
    "CPU s",
    "CPU",
    "servers' CPU s",
    "largest, all processes, MB",
    "requests",
)


def every(
    title: str,
    files: int,
    total_bytes: int,
    *,
    tools: Mapping[str, Figures],
    rounds: Mapping[str, int],
    wrong: Mapping[str, str],
) -> list[list[str]]:
    """All tools of a workload, a row each."""
    large = files and total_bytes // files >= 1 << 20
    rows: list[list[str]] = []
    for name, figures in tools.items():
        cpu = figures.cpu_seconds
        each = (
            f"{cpu / (total_bytes / (1 << 30)):.2f} s/GiB"
            if large
            else f"{cpu / files * 1e6:.0f} µs/file"
        )
        memory = f"{figures.peak_mb:.0f}, {figures.total_mb:.0f}"
        rows.append(
            [
                title,
                name,
                str(rounds[name]),
                seconds(figures.wall_seconds),
                seconds(cpu),
                each,
                seconds(figures.servers_cpu_seconds) if figures.servers_cpu_seconds else "-",
                memory,
                requests(figures),
            ]
        )
    rows += [[title, name, "-", "wrong", "-", "-", "-", "-", "-"] for name in wrong]
    return rows


LIMITS = ("what", "measured", "goal", "verdict")


def limits(found: Sequence[Limit]) -> list[list[str]]:
    """Figures with their bounds."""
    return [
        [
            limit.what,
            f"{amount(limit.figure)} {limit.unit}",
            "-" if limit.below is None else f"below {limit.below:g} {limit.unit}",
            "-" if limit.below is None else "met" if limit.met else "**missed**",
        ]
        for limit in found
    ]


FAULTS = ("work", "without: wall, CPU, requests", "with 5 % faults", "faults", "time", "requests")


def cost(
    title: str, without: Figures | None, with_faults: Figures | None, faults: int
) -> list[str]:
    """What faults cost, in one row."""
    if without is None or with_faults is None:
        return [title, "-", "**FAILED**", "-", "-", "-"]
    before, after = (f.requests.get("requests", 0) for f in (without, with_faults))
    return [
        title,
        f"{seconds(without.wall_seconds)}, {seconds(without.cpu_seconds)}, {before:,}",
        f"{seconds(with_faults.wall_seconds)}, {seconds(with_faults.cpu_seconds)}, {after:,}",
        f"{faults:,}",
        f"{with_faults.wall_seconds / without.wall_seconds:.2f}x",
        f"{after / before:.2f}x" if before else "-",
    ]


def seconds(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def amount(value: float) -> str:
    """Small figures with two or three digits, large ones whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def requests(figures: Figures) -> str:
    """By kind, the most frequent first; bytes and connections are no requests."""
    kinds = {k: n for k, n in figures.requests.items() if n and not k.startswith(("bytes", "conn"))}
    return ", ".join(f"{n:,} {k}" for k, n in sorted(kinds.items(), key=lambda i: -i[1])) or "-"


def insert(document: str, results: str) -> str:
    """The document with new results between its markers.

    Raises: ValueError when it has not exactly one pair of them.
    """
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"the document needs one line {BEGIN} and one line {END}")
    before, rest = document.split(BEGIN)
    return f"{before}{BEGIN}\n\n{results.strip()}\n\n{END}{rest.split(END)[1]}"


def _engine(goal: Goal, found: Ratios) -> str:
    if goal.engine_cpu is None or found.engine_cpu is None:
        return ""
    return f"; engine alone {found.engine_cpu:.1f}x{_goal(goal.engine_cpu)}"


def _rate(goal: Goal, found: Ratios, ours: Figures) -> str:
    if goal.rate is None or found.rate is None:
        return ""
    return f"; rate {found.rate:.2f}x{_goal(goal.rate)}, {ours.rate_mib:,.0f} MiB/s"


def _goal(value: float | None) -> str:
    return "" if value is None else f" ({value:g}x)"
