/** What is left to spend on models. Granted to agents; to a grader only by the operator. */

/**
 * What an amount is of. Names are lower-case words joined by `-`; there may be
 * more than these: `asks`, `tokens`, `input-tokens`, `output-tokens`,
 * `microdollars`, `milliseconds`, `tool-calls`.
 */
export type Unit = string;

/** One limit that this attempt is under, its own or its share of the run's. */
export interface Allowance {
  /** Of what. */
  unit: Unit;
  /** How much there is in all. */
  limit: number;
  /** What has been used and what is reserved by calls under way. */
  used: number;
}

/** Every limit, sorted by unit; empty when there is none. */
export function allowances(): Allowance[];

/** What is left of a unit; none when it is not limited. */
export function left(unit: Unit): number | null;
