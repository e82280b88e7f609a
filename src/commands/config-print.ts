/** `vendaval config print`: every value with its origin, secrets masked. */
import Table from 'cli-table3';
import { OPTIONS } from '../config/options.ts';
import { OPTION_KEYS, type ResolvedSettings, showSetting } from '../config/settings.ts';
import { outColour as pc, TABLE_STYLE } from './colour.ts';
import type { Shell } from './shell.ts';

export function runConfigPrint({ settings, origins }: ResolvedSettings, shell: Shell): void {
  const rows = OPTION_KEYS.map((key) => ({
    option: OPTIONS[key].flag.slice(2),
    value: showSetting(key, settings),
    origin: origins[key],
    variable: OPTIONS[key].env,
  }));
  if (shell.json) {
    for (const row of rows) shell.out.write(`${JSON.stringify(row)}\n`);
    return;
  }
  const table = new Table({
    head: ['option', 'value', 'origin', 'variable'].map((h) => pc.bold(h)),
    style: TABLE_STYLE,
  });
  for (const { option, value, origin, variable } of rows) {
    table.push([option, value, origin === 'default' ? pc.dim(origin) : pc.green(origin), variable]);
  }
  shell.out.write(`${table.toString()}\n`);
}
