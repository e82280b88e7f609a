/**
 * The zstd library for Node before 22.15, initialized once in a thread. A second `init` would
 * exchange the library's memory and keep its functions, and what it gives is wrong from then on.
 */
import type zstd from '@bokuweb/zstd-wasm';

type Zstd = typeof zstd;

let library: Promise<Zstd> | undefined;

export function zstdWasm(): Promise<Zstd> {
  library ??= load();
  return library;
}

async function load(): Promise<Zstd> {
  const { default: zstd } = await import('@bokuweb/zstd-wasm');
  await zstd.init();
  return zstd;
}
