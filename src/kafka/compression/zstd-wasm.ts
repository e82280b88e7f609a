/**
 * The zstd library for Node before 22.15, initialized once in a thread. A second `init` would
 * exchange the library's memory and keep its functions, and what it gives is wrong from then on.
 */
import { createRequire } from 'node:module';
import type * as Zstd from '@bokuweb/zstd-wasm';

let library: Promise<typeof Zstd> | undefined;

export function zstdWasm(): Promise<typeof Zstd> {
  library ??= load();
  return library;
}

async function load(): Promise<typeof Zstd> {
  // It is CommonJS that says it is not; what `import` makes of that depends on who loads it.
  const zstd: typeof Zstd = createRequire(import.meta.url)('@bokuweb/zstd-wasm');
  await zstd.init();
  return zstd;
}
