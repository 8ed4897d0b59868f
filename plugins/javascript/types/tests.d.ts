/**
 * Test runs on the submission. Granted to graders.
 *
 * The task declares plans: which command, which hidden tests, which of them have
 * to pass. A grader chooses among them and cannot invent a command. Each run is
 * made in fresh containers of the task's image with the submitted files laid in,
 * after the agent's own container has been stopped.
 *
 * On a task of the kind `ic-swe` the host accepts a pass only from a grader that
 * has had it run a plan whose conclusion is a pass.
 */

import type { ArtifactEntry, CallError, Outcome } from "./types.js";

/** A test run that the task declares. */
export interface Plan {
  /** The plan's name, unique in the task. */
  name: string;
  /** The tests that have to run and to pass: all of these. */
  required: string[];
  /**
   * The tests that have to run and to fail: these show that results are
   * real.
   */
  sentinels: string[];
  /**
   * What the tests exit with when all of that is so. By the usual convention
   * it is 1 with sentinels, and 0 without.
   */
  passExit: number;
  /** The most runs that one `run` makes. */
  mostRuns: number;
}

/** What became of a test case. */
export type CaseStatus =
  /** The case ran and passed. */
  | "passed"
  /** An assertion failed. */
  | "failed"
  /** The case could not be carried out. */
  | "errored"
  /** The case was not run. */
  | "skipped";

/** One test case of a report. */
export interface TestCase {
  /** What `plan.required` and `plan.sentinels` name the case by. */
  id: string;
  /** What became of the case. */
  status: CaseStatus;
  /**
   * What the report says of a failure: at most 2 KiB are kept, and nothing when
   * a report would be too large with it. May be empty.
   */
  detail: string;
}

/** How the process of a run ended, as the engine saw it. */
export type RunEnd =
  /** The process exited with this status. */
  | { tag: "exited"; val: number }
  /** The plan's time was over. */
  | { tag: "timed-out" }
  /** The process, or the app, used up its memory. */
  | { tag: "out-of-memory" }
  /** The process, or the app, wrote more to the disk than it may. */
  | { tag: "disk-limit" }
  /**
   * The app did not become ready with the submission, although it does
   * without one: the tests were not begun.
   */
  | { tag: "not-ready" }
  /**
   * The tests could not be carried out with the submission beside them,
   * although they can without one.
   */
  | { tag: "broken" };

/** What came of reading a run's JUnit report. */
export type ReportState =
  /** The report was read. */
  | { tag: "read" }
  /** There was no report. */
  | { tag: "missing" }
  /** The report cannot be understood; the text says where. */
  | { tag: "malformed"; val: string }
  /**
   * The report is over 16 MiB, 10,000 test cases or 512 KiB of names; the text
   * says which.
   */
  | { tag: "too-large"; val: string };

/**
 * What the host makes of a run: a pass only if the exit status, the report,
 * the required tests and the sentinels all say so.
 */
export interface Conclusion {
  /** Pass, fail or invalid. */
  outcome: Outcome;
  /** A reason code, for example `tests-failed`. */
  reason: string;
  /** A sentence for a person. */
  detail: string;
}

/** One execution of a plan. */
export interface TestRun {
  /** How the process ended. */
  end: RunEnd;
  /**
   * The tests' own exit status, where a harness writes it to a file and
   * exits with another one. The process itself has to exit with 0 then.
   */
  status: number | null;
  /** What came of reading the report. */
  report: ReportState;
  /**
   * The report's test cases sorted by id; one that came twice is there
   * twice.
   */
  cases: TestCase[];
  /** What the run left, sorted by name. */
  artifacts: ArtifactEntry[];
  /** What the host makes of the run. */
  conclusion: Conclusion;
}

/** All executions of a plan. */
export interface TestReport {
  /** The plan's name. */
  plan: string;
  /**
   * The runs in the order in which they were made; there are no more after one
   * that passed. The one that counts is a pass if there is any, otherwise the
   * first.
   */
  runs: TestRun[];
}

/** The task's plans; none when it has no environment. */
export function plans(): Plan[];

/**
 * Runs a plan, as often as the plan itself says. It takes as long as that
 * takes, which does not count as the grader's time.
 *
 * A plan is run at most once per grading: a second time it is `refused`, since a
 * test that passes now and then would pass in the end. A task without an
 * environment answers `unavailable`.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function run(plan: string): TestReport;
