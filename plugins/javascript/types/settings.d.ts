/**
 * What was set of the plugin. Granted to agents, and to graders whose manifest has settings.
 *
 * An agent that has settings or a prompt says so in `configuring`, and the operator sets
 * them. A grader that is a package has them in its manifest, and its tasks set them, or the
 * operator does. The values are checked against that before a run, and are part of the run.
 */

/**
 * The value of a setting that the plugin declares, as JSON: the operator's, the task's,
 * or the default. None for a name that it does not declare, and for a grader's that
 * nobody set and that has no default.
 */
export function value(name: string): string | null;

/**
 * The text of the prompt: the operator's, or the one that the agent declares. None
 * when it declares none. To render it is the agent's.
 */
export function prompt(): string | null;

/**
 * What was set under a name, as a value: a text, a number or a flag. Null for what nobody set
 * and has no default. It is the kit's, by `value`.
 */
export function setting(name: string): string | number | boolean | null;
