/**
 * The one kind of error that reaches a user. Failures from outside are made into it where they
 * are met, with a stable code, a message that says what was wrong and where, and a hint that
 * says what to do. Bugs stay plain assertions.
 */

/** Process exit codes, fixed so that scripts can rely on them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  dataLossGuard: 3,
  verifyDifference: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * For hints: what counts a topic anew beside the old totals. In one group engines of two databases
 * would count a part of the partitions each; of one dead-letter topic each would find the other's
 * letters.
 */
export const NEW_DATABASE = '--database <new name>, with a --group and a --dlq-topic of its own';

export interface VendavalErrorOptions {
  /** Stable identifier, `E_` and upper-case words. */
  readonly code: string;
  /** What to do about it, in one sentence or command. */
  readonly hint?: string;
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

export class VendavalError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly exitCode: ExitCode;

  constructor(message: string, options: VendavalErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'VendavalError';
    this.code = options.code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** The message of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error-like with a string `code`, as Node and the drivers throw; '' when there is none. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    return String((error as { code: unknown }).code);
  }
  return '';
}
