/**
 * What holds for every page of the documents without a server: blocks say what they are, commands
 * are taken by the parser that users meet, links lead somewhere, translations have the same parts.
 * What can be run is run by test/integration/docs.test.ts.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../../../scripts/build.ts';
import { isNotRun, NOT_RUN, problemOf } from '../../parts/docs/command-rules.ts';
import { type Block, blocksOf, type Page, pagePaths, readPage } from '../../parts/docs/page.ts';
import {
  COUNTED,
  FROM_NOTHING,
  LESSONS,
  ONLY_PARSED,
  WITH_SIGN_IN,
} from '../../parts/docs/pages-run.ts';
import { recordedCommands } from '../../parts/docs/recorded-shell.ts';
import { translations } from '../../parts/docs/translations.ts';

const pages = new Map(pagePaths().map((path) => [path, readPage(path)]));
const at = ({ path }: Page, line: number, what: string) => `${path}:${line}: ${what}`;

const messageOf = (error: unknown) => (error as Error).message.split('\n')[0];

/** A shell is started for each block, and the machine may be busy. */
const LONG = { timeout: 120_000 };

/** What is wrong with a block, by its language. */
type Check = (block: Block) => Promise<string[]> | string[] | undefined;
const CHECKS: Readonly<Record<string, Check>> = {
  sh: async ({ text }) => {
    const problems = await Promise.all(recordedCommands(text).map(problemOf));
    return problems.filter((problem) => problem !== null);
  },
  json: ({ text }) => void JSON.parse(text),
  yaml: ({ text }) => void parse(text),
  // Run against a database by test/integration/queries.test.ts.
  js: () => [],
  // What is to be seen: compared by test/integration/docs.test.ts where it follows a command.
  text: () => [],
  properties: ({ text }) =>
    text
      .split('\n')
      .filter((line) => !/^(#.*|[\w.-]+\s*=.*)?$/.test(line))
      .map((line) => `no property: ${line}`),
};

async function problemsOf(block: Block): Promise<string[]> {
  const check = CHECKS[block.language ?? ''];
  if (!check) return [`a block must say what it is: ${Object.keys(CHECKS).join(', ')}`];
  try {
    return (await check(block)) ?? [];
  } catch (error) {
    return [messageOf(error)];
  }
}

describe('the blocks', LONG, () => {
  it.each([...pages])('of %s are what they say, and their commands are known', async (_, page) => {
    const problems = await Promise.all(
      blocksOf(page).map(async (block) =>
        (await problemsOf(block)).map((problem) => at(page, block.line, problem)),
      ),
    );
    expect(problems.flat()).toEqual([]);
  });

  it('include the commands that a reader starts with', () => {
    const commands = blocksOf(pages.get('README.md')!)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => recordedCommands(text).map((command) => command.join(' ')));
    expect(commands.slice(0, 4)).toEqual(['npm ci', 'npm run demo', 'npm ci', 'npm test']);
  });
});

describe('the commands', LONG, () => {
  const commandsOf = (page: Page) =>
    blocksOf(page)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => recordedCommands(text));

  it('of every page are gone through by a test, or are those of a page that is', () => {
    const lessons = readdirSync(join(ROOT, LESSONS)).map((name) => `${LESSONS}/${name}`);
    const done = [...lessons, ...FROM_NOTHING, ...COUNTED, ...WITH_SIGN_IN, ...ONLY_PARSED];
    const originals = new Map(translations());
    const left = [...pages.values()]
      .filter((page) => !done.includes(originals.get(page.path) ?? page.path))
      .filter((page) => commandsOf(page).some((command) => !isNotRun(command)));
    expect(left.map(({ path }) => path)).toEqual([]);
  });

  it.each(['README.md', 'README.pt-BR.md'])('that are not run are named in %s', (path) => {
    const asked = [...pages.values()].flatMap(commandsOf).filter(isNotRun);
    const programs = new Set(asked.map(([program]) => program).filter((name) => name !== 'npm'));
    expect([...programs].sort()).toEqual(Object.keys(NOT_RUN).sort());
    const paragraph = pages
      .get(path)!
      .source.split('\n\n')
      .find((text) => text.includes('`kubectl`,'));
    for (const program of programs) expect(paragraph).toContain(`\`${program}\``);
  });
});

describe('a command that does not work', LONG, () => {
  it.each([
    ['vendaval engine --tpoic vendas', /unknown option '--tpoic'/],
    ['vendaval prodcue', /unknown command 'prodcue'|too many arguments/],
    ['node dist/main.js engine --window soon', /--window "soon"/],
    ['node dist/main.js demo --duration 1x', /Expected a duration/],
    ['npm run demos', /no script "demos"/],
    ['npm run demo -- --rat 5', /unknown option '--rat'/],
    ['npm run bench -- --onyl formats', /has no --onyl/],
    ['docker compose -f docker/compose.yaml --profile observe up -d', /no profile "observe"/],
    ['docker compose -f docker/compose.yaml logs engin', /no service "engin"/],
    ['docker exec -it mongodb mongosh', /no container "mongodb"/],
    ['kubectl apply -k docker/k9s', /docker\/k9s is not there/],
    ['kubectl -n vendaval rollout status deployment/vendavel', /nothing called/],
    ['curl localhost:4040/api/window', /nothing serves \/api\/window/],
    ['./run_spark_streaming.sh', /bash: /],
    ['vendavel demo', /"vendavel" is no program/],
    ['vendaval demo "', /bash: /],
  ])('is found: %s', async (text, message) => {
    const block: Block = { kind: 'block', line: 1, language: 'sh', marks: [], text };
    expect((await problemsOf(block)).join('\n')).toMatch(message);
  });
});

describe('the links', () => {
  it.each([...pages])('of %s lead to files and headings that are there', (_, page) => {
    const problems = page.links
      .filter(({ url }) => !/^[a-z]+:/.test(url))
      .filter(({ url }) => {
        const [path, anchor] = url.split('#');
        const target = path === '' ? page.path : join(dirname(page.path), path);
        if (!existsSync(join(ROOT, target))) return true;
        if (anchor === undefined || statSync(join(ROOT, target)).isDirectory()) return false;
        const { headings } = pages.get(target) ?? readPage(target);
        return !headings.some((heading) => heading.anchor === anchor);
      })
      .map(({ line, url }) => at(page, line, `${url} leads nowhere`));
    expect(problems).toEqual([]);
  });

  it('lead to every page from the README, over others or at once', () => {
    const seen = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path) || !pages.has(path)) return;
      seen.add(path);
      for (const { url } of pages.get(path)!.links) {
        if (/^[a-z]+:/.test(url)) continue;
        visit(relative('.', join(dirname(path), url.split('#')[0])));
      }
    };
    visit('README.md');
    const reached = [...pages.keys()].filter((path) => !path.startsWith('docs/decisions/'));
    expect(reached.filter((path) => !seen.has(path))).toEqual([]);
  });
});

describe('the glossary', () => {
  it.each(['docs/GLOSSARY.md', 'docs/GLOSSARY.pt-BR.md'])(
    '%s names a source file for each word',
    (path) => {
      const rows = pages
        .get(path)!
        .source.split('\n')
        .filter((line) => line.startsWith('| **'));
      expect(rows.length).toBeGreaterThan(20);
      // That the file is there is held with the other links.
      const without = rows.filter((row) => !/\| \[(src\/[^\]]+\.ts)\]\(\.\.\/\1\) \|$/.test(row));
      expect(without).toEqual([]);
    },
  );
});

describe('a translation', () => {
  /** Comments are translated; what is typed is not. */
  const typed = ({ language, text }: Block) =>
    `${language}\n${language === 'sh' ? text.replace(/\s*#.*$/gm, '') : text}`;
  const originals = new Map(translations());
  /** Where a link leads; to the original of a page that is translated, and not to its headings. */
  const original = ({ path }: Page, url: string) => {
    if (/^[a-z]+:/.test(url)) return url;
    const target = join(dirname(path), url.split('#')[0]);
    return originals.get(target) ?? target;
  };
  const shapeOf = (page: Page) => ({
    headings: page.headings.map(({ depth }) => depth),
    rows: page.source.split('\n').filter((line) => line.startsWith('|')).length,
    images: page.links.filter(({ url }) => /\.(png|svg)$/.test(url)).length,
    comments: page.steps.filter(({ kind }) => kind === 'comment').length,
    leadsTo: [...new Set(page.links.map(({ url }) => original(page, url)))].sort(),
  });

  it.each(translations())('%s has the parts of %s, and the same commands', (other, original) => {
    const [translated, page] = [readPage(other), readPage(original)];
    expect(shapeOf(translated)).toEqual(shapeOf(page));
    expect(blocksOf(translated).map(typed)).toEqual(blocksOf(page).map(typed));
  });

  it.each(translations())('%s has the figures of %s', (other, original) => {
    const figures = figuresOf(readPage(original), /(?<=\d),(?=\d{3}\b)/g);
    expect(figuresOf(readPage(other), /(?<=\d)\.(?=\d{3}\b)/g)).toEqual(figures);
  });
});

/** Every number of the text that is no code and no address, sorted, with a decimal point. */
function figuresOf({ source }: Page, thousands: RegExp): string[] {
  const text = source
    .replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, '')
    .replace(/`[^`]*`|\]\([^)]*\)|<[^>]*>/g, '')
    .replace(thousands, '')
    .replace(/(?<=\d),(?=\d)/g, '.');
  return (text.match(/\d+(?:[.:]\d+)*/g) ?? []).sort();
}
