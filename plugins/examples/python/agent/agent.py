"""Chooses the proposal with the most different words, by lot among equals."""

from lancet_sdk import Answer, Choice, Nothing, Proposal, Task, TaskKind, Unsupported, agent, log, random


def solve(task: Task) -> Answer:
    if task.kind != TaskKind.SWE_MANAGER:
        raise Unsupported("this agent chooses among proposals")
    best = richest(task.proposals)
    if not best:
        return Nothing()
    chosen = best[random.below(len(best))]
    log.write(log.Level.INFO, "chosen", [log.Field("id", str(chosen))])
    return Choice(chosen)


def richest(proposals: list[Proposal]) -> list[int]:
    """The ids of the proposals with the most different words."""
    counted = {proposal.id: len(set(proposal.text.lower().split())) for proposal in proposals}
    most = max(counted.values(), default=0)
    return [id for id, count in counted.items() if count == most]


Solving = agent(solve)
