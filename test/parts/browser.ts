/**
 * A real Chromium for tests of the live page: found, not downloaded. Each page collects what a
 * user would find in its console, and every address that it asks for; a test ends with
 * `expectQuiet`, which holds both.
 */
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Ending } from './engine-process.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PLACES = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];
const ARGUMENTS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function chromiumPath(env: NodeJS.ProcessEnv = process.env): string {
  const given = env.CHROME_PATH;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const usual = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = (given ? [given] : [...usual, ...PLACES]).find(isExecutable);
  if (found) return found;
  throw new Error(
    `${given ? `CHROME_PATH is ${given}, which is no program` : `no ${NAMES.join(', ')} on the PATH`}: ` +
      'the tests of the live page need a Chromium. Debian, Ubuntu: sudo apt-get install -y chromium; ' +
      'elsewhere install Chrome, or say where it is: CHROME_PATH=/path/to/chrome',
  );
}

export interface ViewerOptions {
  readonly locale?: 'pt-BR' | 'en-US' | 'de-DE';
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  readonly isMobile?: boolean;
}

export interface Viewer {
  readonly page: Page;
  /** No error in the console but those that match, and nothing asked for outside the engine. */
  expectQuiet(allowed?: RegExp): void;
  /** Ends it before its test does. */
  close(): Promise<void>;
}

/** A browser with a profile of its own, in São Paulo; it ends with its test. */
export async function openViewer(test: Ending, options: ViewerOptions = {}): Promise<Viewer> {
  const { locale = 'pt-BR', colorScheme = 'light', width = 1280, height = 900 } = options;
  const profile = await mkdtemp(join(tmpdir(), 'vendaval-chromium-'));
  let context: BrowserContext | undefined;
  test.onTestFinished(async () => {
    // Closing twice does nothing.
    await context?.close();
    // What it has left behind may still write into it for a moment.
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  });
  context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    args: ARGUMENTS,
    ...{ locale, colorScheme, viewport: { width, height }, isMobile: options.isMobile ?? false },
    timezoneId: 'America/Sao_Paulo',
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => hosts.add(new URL(request.url()).hostname));
  return {
    page,
    close: () => context.close(),
    expectQuiet(allowed = /^$/) {
      expect(problems.filter((text) => !allowed.test(text))).toEqual([]);
      expect([...hosts]).toEqual(['127.0.0.1']);
    },
  };
}
