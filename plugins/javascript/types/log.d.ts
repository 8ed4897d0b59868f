/**
 * Notes for the people who read a record afterwards.
 *
 * Granted to every plugin. What is written is recorded and never decides a
 * verdict. A plugin that is about to trap says why with a message of the level
 * `error` and the field `panic`: when that is its very last call, the host repeats
 * the first 2,000 bytes of the message where it explains the trap. It is bounded: past the limit on messages or bytes, calls
 * still succeed, the text is dropped, and the record says how much was.
 */

/** How much a message matters. */
export type Level =
  /** For whoever debugs the plugin. */
  | "debug"
  /** What happened. */
  | "info"
  /** Something is odd, and the plugin went on. */
  | "warn"
  /** Something failed. */
  | "error";

/** One named value that goes with a message. */
export interface Field {
  /** The value's name: at most 64 bytes of it are kept. */
  key: string;
  /** The value: at most 1 KiB of it is kept. */
  value: string;
}

/**
 * Records a message with its fields. At most 4 KiB of the message are kept, and
 * the first 16 fields.
 */
export function write(level: Level, message: string, fields: Field[]): void;
