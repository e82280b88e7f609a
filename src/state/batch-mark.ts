/**
 * The batch before a position in a log, told by what the log must still say of it when somebody
 * goes on from there: its leader epoch, by which a broker sees that the log was cut back and went
 * on otherwise, and its checksum, by which we see it where a broker has no topic ids.
 */
export interface BatchMark {
  /** -1 when it is not known. */
  readonly epoch: number;
  /** -1 when it is not known. */
  readonly crc: number;
}

/** Nothing was read yet, or by a version that kept no marks. */
export const NO_MARK: BatchMark = { epoch: -1, crc: -1 };
