/**
 * The task's private configuration. Granted to graders.
 *
 * An agent that imports this is refused, unless the operator grants it to have
 * a control: an agent that knows the answers, of the world `control`. Such a run is
 * marked as a control wherever it is shown.
 */

/**
 * The file `private/answer-key.json` of the task, byte for byte as its
 * author wrote it: UTF-8, at most 1 MiB. What it holds is between the
 * author and the grader.
 */
export function read(): string;
