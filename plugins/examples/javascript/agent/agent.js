// Chooses the proposal with the most different words, by lot among equals.
import { agent, unsupported } from "lancet-sdk";
import { write } from "lancet-sdk/log";
import { below } from "lancet-sdk/random";

/** @type {(task: import("lancet-sdk").Task) => import("lancet-sdk").Answer} */
export function solve(task) {
  if (task.kind !== "swe-manager") throw unsupported("this agent chooses among proposals");
  const best = richest(task.proposals);
  if (best.length === 0) return { tag: "nothing" };
  const chosen = best[below(best.length)];
  write("info", "chosen", [{ key: "id", value: String(chosen) }]);
  return { tag: "choice", val: chosen };
}

/**
 * The ids of the proposals with the most different words.
 * @type {(proposals: import("lancet-sdk").Proposal[]) => number[]}
 */
function richest(proposals) {
  const counted = proposals.map(({ id, text }) => ({ id, count: words(text) }));
  const most = Math.max(...counted.map(({ count }) => count));
  return counted.filter(({ count }) => count === most).map(({ id }) => id);
}

/** @type {(text: string) => number} */
const words = (text) => new Set(text.toLowerCase().split(/\s+/).filter(Boolean)).size;

export const solving = agent(solve);
