/**
 * What the operator gave the agent to go by. Granted to agents.
 *
 * It is part of the run and recorded with it: a patch to apply, a script to
 * execute, a prompt. What it means is between the operator and the agent.
 */

/**
 * The operator's text for this task: UTF-8, at most 1 MiB. None when there is
 * none.
 *
 * A larger text is refused before a run with an agent that imports this begins.
 * One that applies it by `workspace.apply-input`, and does not import this, may be
 * given more.
 */
export function read(): string | null;
