"""All that a run of the benchmark found: as a document, and as what was missed or wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks import table
from benchmarks.compare import Comparison
from benchmarks.faults import PERMILLE, Cost
from benchmarks.figures import OURS, Limit, Ratios, missed, ratios


@dataclass
class Results:
    """Filled row by row."""

    limits: list[Limit] = field(default_factory=list[Limit])
    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    costs: list[Cost] = field(default_factory=list[Cost])
    broken: dict[str, str] = field(default_factory=dict[str, str])
    """Rows that gave no figures, and why."""
    idle_cpu_seconds: float | None = None
    """Of a run of ours that has nothing to do."""

    def markdown(self, machine: Sequence[str]) -> str:
        """The tables, and what they were measured on."""
        parts = ["".join(f"* {line}\n" for line in machine)]
        if self.comparisons:
            rows = [
                table.compared(c.workload.title, c.tools, c.workload.goal, self._ratios(c), c.wrong)
                for c in self.comparisons
            ]
            parts.append("### Beside the best peer\n\n" + table.table(table.COMPARED, rows))
        if self.limits:
            rows = table.limits(self.limits)
            parts.append(
                "### Start-up, rate, memory, decisions\n\n" + table.table(table.LIMITS, rows)
            )
        if self.costs:
            rows = [table.cost(c.title, c.without, c.with_faults, c.faults) for c in self.costs]
            title = f"### Faults in {PERMILLE / 10:g} % of requests\n\n"
            parts.append(title + table.table(table.FAULTS, rows))
        if self.comparisons:
            rows = [
                row
                for c in self.comparisons
                for row in table.every(
                    c.workload.title,
                    c.workload.tree.files,
                    c.workload.tree.total_bytes,
                    tools=c.tools,
                    rounds=c.rounds,
                    wrong=c.wrong,
                )
            ]
            parts.append("### Every tool\n\n" + table.table(table.EVERY, rows))
        return "\n".join(parts)

    def missed(self) -> list[str]:
        """Goals that were not reached."""
        found = [
            f"{limit.what}: {table.amount(limit.figure)} {limit.unit}, goal below {limit.below:g}"
            for limit in self.limits
            if limit.below is not None and not limit.met
        ]
        for one in self.comparisons:
            reached = self._ratios(one)
            if reached is not None:
                lines = missed(one.workload.goal, reached, one.tools[OURS])
                found += [f"{one.workload.title}: {what}" for what in lines]
        return found

    def _ratios(self, one: Comparison) -> Ratios | None:
        return ratios(one.tools, one.workload.goal, idle_cpu_seconds=self.idle_cpu_seconds)

    def wrong(self) -> list[str]:
        """Runs that failed, or left something else than they should have."""
        return [
            *(f"{name}: {why}" for name, why in self.broken.items()),
            *(
                f"{one.workload.title}: {tool}: {why}"
                for one in self.comparisons
                for tool, why in one.wrong.items()
            ),
            *(f"{cost.title}, faults: {cost.wrong}" for cost in self.costs if cost.wrong),
        ]
