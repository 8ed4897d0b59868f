"""An agent: reads what is proposed and takes the one with the most different words, by lot among equals."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import log, random, types


def words(text: str) -> int:
    return len(set(text.casefold().split()))


class Solving(exports.Solving):
    def solve(self, task: types.Task) -> types.Answer:
        if task.kind != types.TaskKind.SWE_MANAGER:
            raise Err(types.SolveError_Unsupported("this agent chooses among proposals"))
        counted = {proposal.id: words(proposal.text) for proposal in task.proposals}
        most = max(counted.values())
        best = [number for number, count in counted.items() if count == most]
        chosen = best[random.below(len(best))]
        log.write(log.Level.INFO, "chosen", [log.Field("id", str(chosen)), log.Field("words", str(most))])
        return types.Answer_Choice(chosen)
