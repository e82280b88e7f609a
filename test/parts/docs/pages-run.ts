/** How the commands of each page are held: which are gone through, and which only parsed. */

/** All in this folder, each with a demo of its own. */
export const LESSONS = 'docs/lessons/en';
/** With a Kafka and a database that hold nothing. */
export const FROM_NOTHING = ['README.md', 'docs/guides/start.md', 'docs/LOAD.md'];
/** With a topic of sales that were counted, in this order: the last one takes all totals back. */
export const COUNTED = [
  'docs/guides/upgrade.md',
  'docs/guides/move-from-spark.md',
  'docs/guides/back-up-and-restore.md',
  'docs/guides/run-in-production.md',
  'docs/HTTP-API.md',
  'docs/OPERATIONS.md',
  'docs/guides/queries.md',
  'docs/LATE-MONEY.md',
];
/** By test/integration/security-page.test.ts, with servers that ask for all of it. */
export const WITH_SIGN_IN = ['docs/SECURITY.md'];
/** Examples of one command each, made of the command line's own table, for clusters of all kinds. */
export const ONLY_PARSED = ['docs/REFERENCE.md'];
