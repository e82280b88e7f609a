/**
 * Pictures of the live page from a running demo, in a real Chromium: the README's, and one for each
 * language, theme and width to look at. `npm run build` first.
 *
 *     node --import tsx scripts/screenshots.ts                 # docs/live-page.png
 *     node --import tsx scripts/screenshots.ts --all /tmp/look # every variant into a folder
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openViewer, type ViewerOptions } from '../test/parts/browser.ts';
import { EngineProcess } from '../test/parts/engine-process.ts';

const WAIT_MS = 180_000;
/** Totals closed before a picture, those of nine windows, so that the charts have something to show. */
const TOTALS_CLOSED = 36;
const README = new URL('../docs/live-page.png', import.meta.url).pathname;

interface Picture extends ViewerOptions {
  readonly path: string;
  readonly query?: string;
  readonly fullPage?: boolean;
}

const { values } = parseArgs({ options: { all: { type: 'string' } } });
const ends: (() => Promise<void> | void)[] = [];
const ending = { onTestFinished: (end: () => Promise<void> | void) => void ends.push(end) };

function pictures(folder: string): Picture[] {
  const variants = (['pt-BR', 'en-US'] as const).flatMap((locale) =>
    (['light', 'dark'] as const).flatMap((colorScheme): Picture[] => [
      { locale, colorScheme, path: `${locale}-${colorScheme}.png`, fullPage: true },
      { locale, colorScheme, path: `${locale}-${colorScheme}-phone.png`, ...PHONE, fullPage: true },
      { locale, colorScheme, path: `${locale}-${colorScheme}-wall.png`, ...WALL },
    ]),
  );
  return variants.map((picture) => ({ ...picture, path: join(folder, picture.path) }));
}

const PHONE = { width: 390, height: 844, isMobile: true };
const WALL = { width: 1920, height: 1080, query: '?wall' };

async function take(url: string, picture: Picture): Promise<void> {
  const viewer = await openViewer(ending, picture);
  await viewer.page.goto(`${url}/${picture.query ?? ''}`);
  await viewer.page.locator('canvas').first().waitFor();
  await viewer.page
    .getByText(/R\$\s?[\d.,]*[1-9]/)
    .first()
    .waitFor();
  const { path, fullPage = false } = picture;
  // Colours that are on their way to others are shown at their end.
  await viewer.page.screenshot({ path, fullPage, animations: 'disabled', timeout: WAIT_MS });
  console.log(picture.path);
  await viewer.close();
}

try {
  const args = ['demo', '--json', '--rate', '40', '--http', '127.0.0.1:0'];
  const demo = new EngineProcess(ending, args);
  await demo.says('live-page', '', WAIT_MS);
  const said = demo.lines.find(({ code }) => code === 'live-page');
  const url = /http:\/\/\S+/.exec(said?.msg ?? '')?.[0];
  if (!url) throw new Error('the demo did not say where its page is');
  const enough = () =>
    demo.lines.some(({ code, closed }) => code === 'demo' && Number(closed) >= TOTALS_CLOSED);
  await demo.until(enough, `${TOTALS_CLOSED} totals are closed`, WAIT_MS);
  if (values.all) {
    mkdirSync(values.all, { recursive: true });
    for (const picture of pictures(values.all)) await take(url, picture);
  } else {
    await take(url, { path: README, locale: 'en-US', colorScheme: 'light', height: 800 });
  }
} finally {
  for (const end of ends.reverse()) await end();
}
