import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { READ } from '../../../src/doctor/examination.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

function codesIn(folder: string): Set<string> {
  const files = readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(`${folder}/${file}`));
  return new Set(texts.join('\n').match(/(?<=')E_[A-Z_]+(?=')/g));
}

describe('the failure table', () => {
  const documented = new Set(read('docs/OPERATIONS.md').match(/(?<=`)E_[A-Z_]+(?=`)/g));
  const used = codesIn('src');

  it('lists every code that a user can meet', () => {
    expect([...used].filter((code) => !documented.has(code))).toEqual([]);
  });

  it('lists no code that is gone', () => {
    expect([...documented].filter((code) => !used.has(code))).toEqual([]);
  });
});

describe('where the doctor says to read', () => {
  it.each(Object.values(READ))('%s is there', (place) => {
    const [path, anchor] = place.split('#');
    const headings = read(path).match(/(?<=^#+ ).*$/gm) ?? [];
    const anchors = headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(anchors).toContain(anchor);
  });
});

describe('the READMEs', () => {
  it.each(['README.md', 'README.pt-BR.md'])('%s has both commands on its first screen', (path) => {
    const firstScreen = read(path).split('\n').slice(0, 20).join('\n');
    expect(firstScreen).toContain('npm ci && npm run demo');
    expect(firstScreen).toContain('npm ci && npm test');
  });

  it.each(['README.md', 'README.pt-BR.md'])('%s has options as they are', async (path) => {
    const { OPTIONS } = await import('../../../src/config/options.ts');
    const rows = read(path).matchAll(/^\| `(--[a-z-]+)` \|.*$/gm);
    const shown = [...rows].map(([row, flag]) => ({
      ...{ row, flag },
      option: Object.values(OPTIONS).find((option) => option.flag === flag),
    }));
    expect(shown.length).toBeGreaterThan(5);
    for (const { row, flag, option } of shown) {
      expect(option, flag).toBeDefined();
      expect(row).toContain(`| \`${option!.env}\` | \`${option!.defaultText}\` |`);
    }
  });
});
