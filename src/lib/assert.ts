/** Assertions are for bugs: a false one ends the process with what was expected. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
