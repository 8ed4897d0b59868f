// An agent: reads what is proposed and takes the one with the most different words, by lot among equals.
import { below } from "lancet:plugin/random@0.1.0";
import { write } from "lancet:plugin/log@0.1.0";

const words = (text) => new Set(text.toLowerCase().split(/\s+/)).size;

export const solving = {
  solve(task) {
    if (task.kind !== "swe-manager") {
      throw { tag: "unsupported", val: "this agent chooses among proposals" };
    }
    const counted = task.proposals.map(({ id, text }) => ({ id, count: words(text) }));
    const most = Math.max(...counted.map(({ count }) => count));
    const best = counted.filter(({ count }) => count === most);
    const chosen = best[Number(below(best.length))].id;
    write("info", "chosen", [
      { key: "id", value: String(chosen) },
      { key: "words", value: String(most) },
    ]);
    return { tag: "choice", val: chosen };
  },
};
