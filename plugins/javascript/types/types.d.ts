/** The words that every other interface is made of. */

/**
 * Money in United States cents. Prices are whole cents; there is no
 * fraction to round.
 */
export type Cents = number;

/** A score in thousandths: 0 is nothing, 1000 is everything. */
export type Thousandths = number;

/** The two kinds of task that SWE-Lancer knows. */
export type TaskKind =
  /** An individual contributor's task: a patch to the repository. */
  | "ic-swe"
  /** A manager's task: choose the best of several proposals. */
  | "swe-manager";

/** One freelancer's proposal, as a manager reads it. */
export interface Proposal {
  /**
   * The number that an answer names the proposal by. Unique in a task, except
   * where the suite declares that its source used one id twice.
   */
  id: number;
  /** The proposal itself: UTF-8 text, usually Markdown, at most 1 MiB. */
  text: string;
}

/**
 * What an agent and a grader may know of a task: its public part.
 *
 * As a whole it takes at most a quarter of a plugin's memory, 8 MiB by the
 * standard limits; a task of more is refused before a run begins.
 *
 * The private part (answer key, hidden tests, explanations) is not here
 * and cannot be reached from here.
 */
export interface Task {
  /**
   * The task's name, unique in its suite: ASCII letters, digits, `.`, `_` and
   * `-`, at most 128 bytes.
   */
  id: string;
  /** What has to be handed in. */
  kind: TaskKind;
  /** The title: one line. */
  title: string;
  /** The issue in full: UTF-8 text, usually Markdown, at most 1 MiB. */
  statement: string;
  /** What the task pays when it is solved. */
  price: Cents;
  /**
   * The proposals to choose from, in the order of the suite; empty unless the
   * kind is `swe-manager`.
   */
  proposals: Proposal[];
}

/** What an agent hands in. */
export type Answer =
  /** The id of the proposal chosen. */
  | { tag: "choice"; val: number }
  /**
   * A JSON document in the form that SWE-Lancer's harness asks for,
   * `{"selected_proposal_id": 3}`, at most 64 KiB. How strictly it is
   * read is for the grader to say.
   */
  | { tag: "document"; val: string }
  /** The work tree as the agent left it. */
  | { tag: "work-tree" }
  /** Nothing: the agent had no answer. */
  | { tag: "nothing" };

/** What became of an attempt. */
export type Outcome =
  /** Solved: the price is paid, in proportion to the score. */
  | "pass"
  /** Not solved. */
  | "fail"
  /**
   * Undecided because something other than the submission was at fault.
   * Pays nothing and is counted apart.
   */
  | "invalid";

/** One named thing that a grader looked at. */
export interface Check {
  /** The check's name: short, stable, unique in the verdict, at most 128 bytes. */
  name: string;
  /** Whether the check held. */
  passed: boolean;
  /** What was seen, for a person to read: at most 4 KiB. May be empty. */
  detail: string;
}

/**
 * A grader's judgement of one submission.
 *
 * The host refuses one that does not hold together: a pass without a
 * submission or without a score, a score over 1000, a reason that is not a
 * reason code or is one of the host's own, two checks of one name, more than
 * 256 checks, or more than 64 KiB in all. Such a verdict makes the attempt
 * invalid.
 */
export interface Verdict {
  /** Pass, fail or invalid. */
  outcome: Outcome;
  /**
   * A reason code: lower-case ASCII words joined by `-`, at most 64
   * bytes, for example `wrong-choice`. What only the host can know is no
   * reason of a grader's: what failed of the infrastructure
   * (`disk-full`), how a plugin failed (`grader-trap`), why a submission
   * was not accepted (`submission-too-large`).
   */
  reason: string;
  /**
   * Thousandths of the price that a pass pays. At least 1 in a pass;
   * 0 in an invalid verdict; informative in a fail, which pays nothing.
   */
  score: Thousandths;
  /** The named checks behind the outcome, in the grader's order. */
  checks: Check[];
  /** A sentence for a person, at most 4 KiB. May be empty. */
  explanation: string;
}

/** Why a grader came to no verdict. The attempt becomes invalid. */
export type GradeError =
  /**
   * The task's private configuration cannot be used; the text says what
   * was expected.
   */
  | { tag: "bad-answer-key"; val: string }
  /** The grader does not judge tasks of this kind. */
  | { tag: "unsupported"; val: string }
  /** Anything else. */
  | { tag: "other"; val: string };

/** Why an agent came to no answer. It counts as having handed in nothing. */
export type SolveError =
  /** The agent does not work on tasks of this kind. */
  | { tag: "unsupported"; val: string }
  /** Anything else. */
  | { tag: "other"; val: string };

/**
 * Why a call of an interface that reaches into containers gave nothing. Each case
 * carries a text for a person, or a model, of at most 2,000 bytes. A plugin may
 * handle it; when the infrastructure itself fails, the plugin is ended and no call
 * returns.
 */
export type CallError =
  /** There is no such thing: no file, no plan, no artifact of that name. */
  | { tag: "not-found"; val: string }
  /**
   * It is not allowed: a path out of the work tree, a file that is not
   * regular, a plan that has been run already.
   */
  | { tag: "refused"; val: string }
  /** It is over a limit. */
  | { tag: "too-large"; val: string }
  /**
   * This attempt does not have it: a task without an environment, an agent
   * whose time is over.
   */
  | { tag: "unavailable"; val: string }
  /** Anything else, for example a patch that does not apply. */
  | { tag: "other"; val: string };

/** What an artifact of a test run is. */
export type ArtifactKind =
  /** Text. */
  | "log"
  /** A Playwright trace. */
  | "trace"
  /** A film. */
  | "video"
  /** A picture. */
  | "screenshot"
  /** Any other file. */
  | "other";

/** An artifact: something that a test run left and that was kept. */
export interface ArtifactEntry {
  /**
   * The name that the artifact is read by, unique in its run: the name that the
   * task gave it, with `/path` for files of a folder. At most 4 KiB.
   */
  name: string;
  /** What the artifact is. */
  kind: ArtifactKind;
  /** How many bytes the artifact has. */
  bytes: number;
}
