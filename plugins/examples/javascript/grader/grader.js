// Pays whoever chose the proposal that the task's answer key names, `{"correct": 3}`.
import { badAnswerKey, failed, grader, passed } from "lancet-sdk";
import { read } from "lancet-sdk/answer-key";
import { write } from "lancet-sdk/log";
import { answer } from "lancet-sdk/submission";

/** @type {(task: import("lancet-sdk").Task) => import("lancet-sdk").Verdict} */
export function grade(task) {
  const reason = judge(read(), answer());
  write("info", "compared", [{ key: "reason", value: reason }]);
  const right = reason === "right-choice";
  const checks = [{ name: "right-choice", passed: right, detail: "" }];
  return right ? passed(reason, { checks }) : failed(reason, { checks });
}

/**
 * The reason code of the verdict on an answer.
 * @type {(key: string, answer: import("lancet-sdk").Answer) => string}
 */
function judge(key, answer) {
  const correct = proposal(key);
  switch (answer.tag) {
    case "choice":
      return answer.val === correct ? "right-choice" : "wrong-choice";
    case "nothing":
      return "no-submission";
    default:
      return "wrong-kind";
  }
}

// More characters than any key has that names a proposal. A longer one might be nested so deeply
// that to read it would use up the stack.
const MAX_KEY = 1000;
const MAX_ID = 2 ** 32 - 1;

/**
 * The proposal that a key names. What cannot be read is no fail of the agent's.
 * @type {(key: string) => number}
 */
function proposal(key) {
  if (hasMoreThan(MAX_KEY, key)) {
    throw badAnswerKey(`it has more than ${MAX_KEY} characters; expected \`{"correct": 3}\``);
  }
  let read;
  try {
    read = JSON.parse(key);
  } catch {
    throw badAnswerKey('it is no JSON; expected `{"correct": 3}`');
  }
  const correct = read?.correct;
  if (Number.isInteger(correct) && correct >= 0 && correct <= MAX_ID) return correct;
  throw badAnswerKey('there is no proposal\'s id under `correct`; expected `{"correct": 3}`');
}

/**
 * Whether a text has more characters than that: its `length` counts some twice.
 * @type {(most: number, text: string) => boolean}
 */
function hasMoreThan(most, text) {
  let count = 0;
  for (const _ of text) if (++count > most) return true;
  return false;
}

export const grading = grader(grade);
