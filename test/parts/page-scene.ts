/** An engine with its live page, on a topic of its own, and what the page says in words. */
import type { Page } from 'playwright-core';
import { findFreePort } from '../../src/mongo/child-processes.ts';
import type { Ending, EngineProcess } from './engine-process.ts';
import { Scene, type SceneOptions } from './scene.ts';

/** Short, so that windows close while a test looks. */
const RULES = { windowMs: 10_000, delayMs: 5000 };

export class PageScene {
  readonly scene: Scene;
  readonly url: string;
  readonly #http: string;

  private constructor(scene: Scene, port: number) {
    this.scene = scene;
    this.#http = `127.0.0.1:${port}`;
    this.url = `http://${this.#http}`;
  }

  static async make(test: Ending, options: SceneOptions = {}): Promise<PageScene> {
    const scene = await Scene.make(test, { rules: RULES, ...options });
    return new PageScene(scene, await findFreePort());
  }

  /** Starts an engine and waits for its page. */
  async engine(): Promise<EngineProcess> {
    const engine = this.scene.engine({ http: this.#http });
    await engine.says('live-page');
    return engine;
  }
}

/** A text of the page, with its spaces made plain. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return plain(await page.locator(selector).first().innerText());
}

/** The cells of a table's rows. */
export async function rowsOf(page: Page, selector: string): Promise<string[][]> {
  const rows = await page.locator(`${selector} > tr`).all();
  const cells = rows.map((row) => row.locator(':scope > :is(th, td)').allInnerTexts());
  return (await Promise.all(cells)).map((texts) => texts.map(plain));
}

/** Formatters put no-break spaces of two kinds where a test writes plain ones. */
export const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ').trim();

/** "R$ 1.234,56" or "R$1,234.56", by hand: the page's own formatter is what is being tested. */
export function money(centavos: bigint, language: 'pt' | 'en' = 'pt'): string {
  const digits = centavos.toString().padStart(3, '0');
  const [thousands, point] = language === 'pt' ? ['.', ','] : [',', '.'];
  const reais = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, thousands);
  return `R$${language === 'pt' ? ' ' : ''}${reais}${point}${digits.slice(-2)}`;
}
