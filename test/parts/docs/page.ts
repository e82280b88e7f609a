/**
 * The Markdown of the project as its tests read it: pages with their blocks of code, headings,
 * links and comments, each with its line. What a block means is left to who asks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import GithubSlugger from 'github-slugger';
import type { Nodes } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { ROOT } from '../../../scripts/build.ts';

export interface Block {
  readonly kind: 'block';
  readonly line: number;
  /** The first word after the fence; null for a block that is only indented or has none. */
  readonly language: string | null;
  /** The words after the language: they say how the block is run, and no reader sees them. */
  readonly marks: readonly string[];
  readonly text: string;
}

export interface Comment {
  readonly kind: 'comment';
  readonly line: number;
  readonly text: string;
}

export interface Heading {
  readonly line: number;
  readonly depth: number;
  readonly anchor: string;
}

export interface Link {
  readonly line: number;
  readonly url: string;
}

export interface Page {
  /** From the repository's root. */
  readonly path: string;
  readonly source: string;
  /** Blocks and comments in their order. */
  readonly steps: readonly (Block | Comment)[];
  readonly headings: readonly Heading[];
  readonly links: readonly Link[];
}

/** Every page that a reader is led to. */
export function pagePaths(): string[] {
  const top = ['README.md', 'README.pt-BR.md', 'CHANGELOG.md', 'bench/results/latest.md'];
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const docs = below.filter((name) => name.endsWith('.md')).map((name) => join('docs', name));
  return [...top, ...docs.sort()];
}

export function readPage(path: string): Page {
  const source = readFileSync(resolve(ROOT, path), 'utf8');
  const steps: (Block | Comment)[] = [];
  const headings: Heading[] = [];
  const links: Link[] = [];
  const slugger = new GithubSlugger();
  const visit = (node: Nodes) => {
    const line = node.position!.start.line;
    if (node.type === 'code') {
      const marks = node.meta?.split(/\s+/) ?? [];
      steps.push({ kind: 'block', line, language: node.lang ?? null, marks, text: node.value });
    } else if (node.type === 'html') {
      const text = /^<!--\s*(.*?)\s*-->$/s.exec(node.value)?.[1];
      if (text !== undefined) steps.push({ kind: 'comment', line, text });
    } else if (node.type === 'heading') {
      headings.push({ line, depth: node.depth, anchor: slugger.slug(plainText(node)) });
    } else if (node.type === 'link' || node.type === 'image' || node.type === 'definition') {
      links.push({ line, url: node.url });
    }
    if ('children' in node) node.children.forEach(visit);
  };
  visit(fromMarkdown(source));
  return { path, source, steps, headings, links };
}

export const blocksOf = (page: Page) => page.steps.filter((step) => step.kind === 'block');

function plainText(node: Nodes): string {
  if ('value' in node) return node.value;
  return 'children' in node ? node.children.map(plainText).join('') : '';
}
