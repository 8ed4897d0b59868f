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
  // All of them are read equally far.
  const share = Math.floor(MAX_READ / proposals.length);
  const counted = proposals.map(({ id, text }) => ({ id, count: words(text.slice(0, share)) }));
  const most = counted.reduce((most, { count }) => Math.max(most, count), 0);
  return counted.filter(({ count }) => count === most).map(({ id }) => id);
}

// How many characters of the proposals are read in all: they may have 8 MiB, and fuel is bounded.
const MAX_READ = 100_000;

/** @type {(text: string) => number} */
const words = (text) => new Set(text.toLowerCase().match(/\S+/g)).size;

export const solving = agent(solve);
