import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { openViewer, type ViewerOptions } from '../parts/browser.ts';
import { money, PageScene, plain, rowsOf, textOf } from '../parts/page-scene.ts';
import { plainSale } from '../parts/sales.ts';
import type { Scene } from '../parts/scene.ts';
import type { RecordToProduce } from '../parts/topic.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT_MS = 60_000;
const CATEGORIES = ['Casa', 'Eletronicos', 'Gamer', 'Livros'];
const HOSTILE = '<img src=x onerror=alert(1)>';
/** What the browser itself says when the engine is gone. */
const GONE =
  /net::ERR_(CONNECTION_\w+|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/;

interface Stored {
  janela_inicio: Date;
  categoria: string;
  volume_vendas: bigint;
  fechada: boolean;
  partes: Record<string, { centavos: bigint }>;
}

const centavosOf = ({ partes }: Stored) =>
  Object.values(partes).reduce((sum, { centavos }) => sum + centavos, 0n);
const sum = (list: readonly bigint[]) => list.reduce((a, b) => a + b, 0n);

async function stored({ db }: Scene): Promise<Stored[]> {
  const collection = db.collection<Stored>('faturamento_tempo_real');
  return collection.find().sort({ _id: -1 }).toArray();
}

/** Sales of the last time up to now, over all partitions, and three records that are none. */
function records(count: number, spanMs = 60_000): RecordToProduce[] {
  const startMs = Date.now() - spanMs;
  const list: RecordToProduce[] = Array.from({ length: count }, (_, i) => ({
    value: plainSale(startMs + (i * spanMs) / count, `${i + 1}.${i % 10}7`, CATEGORIES[i % 4]),
    partition: i % 3,
  }));
  const broken = [HOSTILE, '{"id_pedido":"1"}', plainSale(startMs, '1.999')];
  return [...list, ...broken.map((value, partition) => ({ value, partition }))];
}

const untilShown = (page: Page, selector: string, text: string) =>
  expect.poll(() => textOf(page, selector), { timeout: WAIT_MS }).toBe(text);

const untilBanner = (page: Page, kind: string) =>
  page.locator(`#banner[data-kind="${kind}"]`).waitFor({ timeout: WAIT_MS });

test('the page shows what the collection and the progress documents hold, and follows them', async (t) => {
  const made = await PageScene.make(t);
  const { scene } = made;
  const engine = await made.engine();
  await scene.produce(records(400));
  await scene.untilDrained(engine);
  const viewer = await openViewer(t);
  const { page } = viewer;
  await page.goto(made.url);

  const expectEqual = async () => {
    const documents = await stored(scene);
    const total = sum(documents.map(centavosOf));
    await untilShown(page, '#total', money(total));
    const sales = documents.reduce((count, { volume_vendas }) => count + Number(volume_vendas), 0);
    expect(await textOf(page, '#sales')).toBe(sales.toLocaleString('pt-BR'));
    const byCategory = new Map<string, bigint>();
    for (const one of documents) {
      byCategory.set(one.categoria, (byCategory.get(one.categoria) ?? 0n) + centavosOf(one));
    }
    const shown = await rowsOf(page, '#categories');
    expect(new Map(shown.map(([name, revenue]) => [name, revenue]))).toEqual(
      new Map([...byCategory].map(([name, centavos]) => [name, money(centavos)])),
    );
    return documents;
  };
  await expectEqual();

  // Every window's row equals its documents, column by column; and they close while we look.
  await page.locator('#windows tr[data-state="closed"]').first().waitFor({ timeout: WAIT_MS });
  await engine.until(
    async () => (await stored(scene)).every(({ fechada }) => fechada),
    'all close',
  );
  const open = page.locator('#windows tr[data-state="open"]');
  await expect.poll(() => open.count(), { timeout: WAIT_MS }).toBe(0);
  const documents = await stored(scene);
  const heads = await page.locator('#windows-head th').allInnerTexts();
  expect(heads.slice(4)).toEqual(CATEGORIES);
  const rows = await rowsOf(page, '#windows');
  const starts = [...new Set(documents.map(({ janela_inicio }) => janela_inicio.getTime()))];
  expect(rows).toHaveLength(starts.length);
  starts.forEach((startMs, i) => {
    const ofWindow = documents.filter(({ janela_inicio }) => janela_inicio.getTime() === startMs);
    const clock = new Intl.DateTimeFormat('pt-BR', {
      timeStyle: 'medium',
      timeZone: 'America/Sao_Paulo',
    });
    expect(rows[i]).toEqual([
      `${clock.format(startMs)} – ${clock.format(startMs + 10_000)}`,
      'fechada',
      money(sum(ofWindow.map(centavosOf))),
      String(ofWindow.reduce((count, { volume_vendas }) => count + Number(volume_vendas), 0)),
      ...CATEGORIES.map((name) =>
        money(sum(ofWindow.filter(({ categoria }) => categoria === name).map(centavosOf))),
      ),
    ]);
  });

  // Rejected ones with a reason and a sample, which stays text.
  const reasons = await page.locator('#rejected .reason-name').allInnerTexts();
  expect(reasons.sort()).toEqual(['falta um campo', 'mais de duas casas decimais', 'não é JSON']);
  await page.locator('#rejected summary', { hasText: 'não é JSON' }).click();
  expect(await textOf(page, '#rejected [data-key="not_json"] .sample-value')).toBe(HOSTILE);
  expect(await textOf(page, '#rejected-summary')).toContain('3.');

  // Partitions, by their progress documents.
  const progress = await scene.progress();
  const partitions = await rowsOf(page, '#partitions');
  expect(partitions.map(([name]) => name.split(' ')[0])).toEqual(['0', '1', '2']);
  expect(partitions.every(([, state, , lag]) => state === 'lendo' && lag === '0')).toBe(true);
  expect(partitions.map((cells) => cells[8])).toEqual(progress.map(({ owner }) => owner));
  expect(partitions.filter(([name]) => name.includes('segura'))).toHaveLength(1);

  // New sales, with nothing reloaded; one category names itself in HTML.
  await page.evaluate("document.body.dataset.same = 'yes'");
  await scene.produce([{ value: plainSale(Date.now(), '1234567.89', HOSTILE), partition: 0 }]);
  await scene.untilDrained(engine);
  await expectEqual();
  expect(await page.locator('body').getAttribute('data-same')).toBe('yes');
  expect(await page.locator('#categories img').count()).toBe(0);
  viewer.expectQuiet();
});

test('killed, the engine is said to be gone; back on its address, the page goes on by itself', async (t) => {
  const made = await PageScene.make(t);
  const first = await made.engine();
  await made.scene.produce(records(60));
  await made.scene.untilDrained(first);
  const viewer = await openViewer(t);
  const { page } = viewer;
  await page.goto(made.url);
  await untilShown(page, '#sales', '60');

  await first.kill('SIGKILL');
  await untilBanner(page, 'gone');
  expect(await textOf(page, '#banner-title')).toBe('O motor não responde');
  expect(await textOf(page, '#banner-advice')).toMatch(/^Sem notícias desde \d\d:\d\d:\d\d;/);
  expect(await page.locator('#announcer').textContent()).toContain('O motor não responde');
  // What was known stays in sight, marked as old.
  expect(await textOf(page, '#sales')).toBe('60');
  expect(await page.locator('html').getAttribute('class')).toContain('stale');

  await made.scene.produce(records(40, 1000));
  const second = await made.engine();
  await made.scene.untilDrained(second);
  await untilShown(page, '#sales', '100');
  expect(await page.locator('html').getAttribute('class')).not.toContain('stale');
  await untilBanner(page, 'counting');
  viewer.expectQuiet(GONE);
});

test('what the browser prefers decides language and theme, until the viewer chooses', async (t) => {
  const made = await PageScene.make(t);
  const engine = await made.engine();
  await made.scene.produce(records(30));
  await made.scene.untilDrained(engine);
  const total = sum((await stored(made.scene)).map(centavosOf));
  const background = (page: Page) =>
    page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');

  const german = await openViewer(t, { locale: 'de-DE', colorScheme: 'dark' });
  await german.page.goto(made.url);
  await untilShown(german.page, '#total', money(total, 'en'));
  const dark = await background(german.page);

  const viewer = await openViewer(t, { locale: 'pt-BR', colorScheme: 'light' });
  const { page } = viewer;
  await page.goto(made.url);
  await untilShown(page, '#total', money(total));
  expect(await textOf(page, '#hero-title')).toBe('Faturamento total');
  expect(await page.locator('html').getAttribute('lang')).toBe('pt-BR');
  const light = await background(page);
  expect(light).not.toBe(dark);

  await page.getByRole('button', { name: 'EN' }).click();
  await page.getByRole('button', { name: 'dark' }).click();
  for (const again of [false, true]) {
    if (again) await page.reload();
    await untilShown(page, '#total', money(total, 'en'));
    expect(await textOf(page, '#hero-title')).toBe('Total revenue');
    expect(await page.locator('html').getAttribute('lang')).toBe('en-US');
    expect(await background(page)).toBe(dark);
  }
  // No text of either language is left without its other.
  expect(await page.locator('main').innerText()).not.toContain('undefined');
  viewer.expectQuiet();
  german.expectQuiet();
});

const VIEWS: (ViewerOptions & { name: string; query: string })[] = [
  { name: 'a desktop', width: 1280, height: 900, colorScheme: 'light', query: '' },
  { name: 'a desktop in the dark', width: 1280, height: 900, colorScheme: 'dark', query: '' },
  { name: 'a phone', width: 360, height: 740, colorScheme: 'dark', query: '', isMobile: true },
  { name: 'a wall screen', width: 1920, height: 1080, colorScheme: 'light', query: '?wall' },
];

test('on a desktop, in the dark, on a phone and on a wall it fits, and axe has no complaint', async (t) => {
  const made = await PageScene.make(t);
  const engine = await made.engine();
  await made.scene.produce(records(120));
  await made.scene.untilDrained(engine);
  for (const { name, query, ...options } of VIEWS) {
    const viewer = await openViewer(t, options);
    const { page } = viewer;
    await page.goto(`${made.url}/${query}`);
    await untilShown(page, '#sales', '120');
    if (!query) await page.locator('#rejected summary').first().click();
    const overflow = await page.evaluate<{ x: number; y: number; cards: string[] }>(`(() => {
      const { scrollWidth, scrollHeight, clientWidth, clientHeight } = document.documentElement;
      const cards = [...document.querySelectorAll('.card, .hero, .banner')]
        .filter((card) => card.scrollWidth > card.clientWidth)
        .map((card) => card.className);
      return { x: scrollWidth - clientWidth, y: scrollHeight - clientHeight, cards };
    })()`);
    expect(overflow.x, name).toBe(0);
    expect(overflow.cards, name).toEqual([]);
    // A wall screen has nobody to scroll it.
    if (query) expect(overflow.y, name).toBe(0);

    await page.evaluate(AXE);
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    const complaints = violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`,
    );
    expect(complaints, name).toEqual([]);
    viewer.expectQuiet();
    await viewer.close();
  }
});

test('by keyboard alone one reaches the content, and a range of the history with its CSV', async (t) => {
  const made = await PageScene.make(t);
  const engine = await made.engine();
  await made.scene.produce(records(200));
  await made.scene.untilDrained(engine);
  const viewer = await openViewer(t, { locale: 'en-US' });
  const { page } = viewer;
  await page.goto(made.url);
  await untilShown(page, '#sales', '200');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('main');

  await page.locator('#history-presets button[value="all"]').focus();
  await page.keyboard.press('Enter');
  const documents = await stored(made.scene);
  const total = money(sum(documents.map(centavosOf)), 'en');
  await page.getByText(`${total} in 200 sales`).waitFor({ timeout: WAIT_MS });

  await page.locator('#history-category').selectOption('Gamer');
  await page.getByRole('button', { name: 'Show' }).press('Enter');
  const gamer = documents.filter(({ categoria }) => categoria === 'Gamer');
  await page.getByText(`${money(sum(gamer.map(centavosOf)), 'en')} in 50 sales`).waitFor();

  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'CSV (,)' }).press('Enter');
  const csv = readFileSync(await (await download).path(), 'utf8')
    .trim()
    .split('\r\n');
  expect(csv).toHaveLength(1 + gamer.length);
  const revenue = csv.slice(1).map((line) => BigInt(line.split(',')[3].replace('.', '')));
  expect(sum(revenue)).toBe(sum(gamer.map(centavosOf)));
  expect(plain(await textOf(page, '#history-result'))).not.toContain('undefined');
  viewer.expectQuiet();
});
