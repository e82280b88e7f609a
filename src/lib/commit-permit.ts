/**
 * The proof that everything below an offset is durable in the database, counted or rejected. What
 * commits to Kafka takes one, and only the store whose majority-acknowledged write makes it true
 * may issue one (a lint rule holds that), so no path commits what could still be lost.
 */
export class CommitPermit {
  readonly partition: number;
  /** Next offset to read: all below it are durable. */
  readonly offset: number;
  /** Makes the class nominal: nothing shaped like a permit is one. */
  readonly #durable = true;

  private constructor(partition: number, offset: number) {
    this.partition = partition;
    this.offset = offset;
  }

  static issue(partition: number, offset: number): CommitPermit {
    return new CommitPermit(partition, offset);
  }

  static isGenuine(value: object): value is CommitPermit {
    return #durable in value;
  }
}
