/** Says which partition holds the watermark, and why. */
import type { WatermarkHold } from '../window/watermark.ts';

export function describeHold(hold: WatermarkHold | null): string {
  if (hold === null) return 'not known yet';
  switch (hold.kind) {
    case 'no-document':
      return `waits for partition ${hold.partition}, which nobody has started to read`;
    case 'unread-backlog':
      return `waits for partition ${hold.partition}, which has unread records and no valid sale yet`;
    case 'no-events':
      return 'waits for the first sale';
    case 'slowest':
      return `held by partition ${hold.partition}, the furthest behind`;
  }
}
