/** A viewer of /api/stream without a browser: one of many, or one that never reads. */
import { get, type IncomingMessage } from 'node:http';
import type { LiveSnapshot } from '../../src/dashboard/api.ts';

export class StreamViewer {
  /** Of every snapshot that came whole, when the engine had made it. */
  readonly madeAtMs: number[] = [];
  last: LiveSnapshot | null = null;
  #rest = '';
  readonly #answer: IncomingMessage;

  private constructor(answer: IncomingMessage, reads: boolean) {
    this.#answer = answer;
    answer.setEncoding('utf8').on('error', () => {});
    if (reads) answer.on('data', (chunk: string) => this.#take(chunk));
    else answer.pause();
  }

  static open(url: string, { reads = true } = {}): Promise<StreamViewer> {
    return new Promise((resolve, reject) => {
      get(`${url}/api/stream`, { agent: false }, (answer) => {
        if (answer.statusCode === 200) resolve(new StreamViewer(answer, reads));
        else reject(new Error(`the stream answered ${answer.statusCode}`));
      }).on('error', reject);
    });
  }

  close(): void {
    this.#answer.destroy();
  }

  #take(chunk: string): void {
    const events = (this.#rest + chunk).split('\n\n');
    this.#rest = events.pop()!;
    for (const event of events) {
      // Not by a regular expression's ".": a sample may hold U+2028, which is a line's end to it.
      const [name, data] = event.split('\ndata: ');
      if (name !== 'event: live') continue;
      this.last = JSON.parse(data);
      this.madeAtMs.push(this.last!.nowMs);
    }
  }
}
