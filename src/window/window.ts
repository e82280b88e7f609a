/**
 * Tumbling event-time windows. A window is named by its index, the whole number of window
 * lengths since 1970-01-01T00:00:00Z; it holds start <= t < end.
 */

export function windowIndexOf(eventMs: number, windowMs: number): number {
  return Math.floor(eventMs / windowMs);
}

export function windowStartMs(index: number, windowMs: number): number {
  return index * windowMs;
}

export function windowEndMs(index: number, windowMs: number): number {
  return (index + 1) * windowMs;
}

/**
 * The least window index that is not late under `watermarkMs`: a window is late when its end is
 * at or before the watermark, so every index below the result is late and no other.
 */
export function firstOpenWindow(watermarkMs: number, windowMs: number): number {
  return Math.floor(watermarkMs / windowMs);
}
