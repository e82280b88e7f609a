/** What `vendaval compact` shows: how far it is, and what became, or would become, smaller. */
import { formatCount, formatDurationMs } from '../lib/units.ts';
import type { CompactPlan } from '../upkeep/compact.ts';
import { outColour as pc } from './colour.ts';
import { jsonLine } from './json-line.ts';
import type { Shell } from './shell.ts';

export interface CompactCounts {
  looked: number;
  documents: number;
  registers: number;
  /** Changed by an engine between being read and being written. */
  missed: number;
}

/** @param of how many there are to look at */
export function showProgress({ looked }: CompactCounts, of: number, shell: Shell): void {
  if (shell.json) jsonLine(shell, 'progress', { documents: looked, of });
  else shell.err.write(`${part(looked, of)} looked at\n`);
}

/** Before all were looked at: what is said after this is of a part. */
export function showStopped({ looked }: CompactCounts, of: number, shell: Shell): void {
  if (shell.json) jsonLine(shell, 'stopped', { documents: looked, of });
  else {
    const goesOn = 'looked at, oldest windows first; run it again for the rest';
    shell.out.write(`${pc.yellow('stopped:')} ${part(looked, of)} ${goesOn}\n`);
  }
}

const part = (looked: number, of: number) =>
  `${formatCount(looked)} of ${formatCount(of)} documents`;

export function showDone(
  { upToMs, partitions, heldBy }: CompactPlan,
  { documents, registers, missed }: CompactCounts,
  asked: { readonly yes: boolean; readonly olderThan: number; readonly collection: string },
  shell: Shell,
): void {
  const { yes, olderThan, collection } = asked;
  const upTo = Number.isFinite(upToMs) ? new Date(upToMs).toISOString() : null;
  if (shell.json) {
    const counts = { documents, registers, missed };
    jsonLine(shell, 'compact', { dryRun: !yes, ...counts, upTo, partitions, heldBy });
    return;
  }
  const { out } = shell;
  if (upTo === null) {
    out.write('Nothing to compact: no partition has counted a sale.\n');
    return;
  }
  out.write(
    `${yes ? pc.green('Compacted') : pc.bold('Would compact')} ${formatCount(documents)} documents of ` +
      `${collection}: ${formatCount(registers)} registers become ${formatCount(documents)} sums\n` +
      `  windows that end up to ${upTo}, ${formatDurationMs(olderThan)} behind the watermark of ` +
      `partition ${heldBy}, the slowest\n  registers of partitions ${partitions.join(', ')}\n`,
  );
  if (missed > 0) {
    out.write(
      `${formatCount(missed)} of them an engine has changed meanwhile: run it again for these\n`,
    );
  }
  if (!yes)
    out.write(`Nothing was changed. ${pc.bold('--yes')} does it; engines may go on meanwhile.\n`);
}
