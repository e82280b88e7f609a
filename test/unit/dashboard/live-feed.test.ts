import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveFeed } from '../../../src/dashboard/live-feed.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A response that takes what is written, or, while it needs to drain, should get nothing. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = [];
  writableNeedDrain = false;
  destroyed = false;

  write(text: string): boolean {
    this.written.push(text);
    return true;
  }

  end(): void {
    this.emit('close');
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  get events(): string[] {
    return this.written.join('').match(/(?<=event: )\w+/g) ?? [];
  }
}

function setUp(refresh: () => Promise<void> = async () => {}) {
  const made = { snapshots: 0, refreshes: 0 };
  const feed = new LiveFeed({
    refresh: () => {
      made.refreshes++;
      return refresh();
    },
    snapshot: (viewers) => ({ nowMs: ++made.snapshots, viewers }) as never,
    rates: () => ({ endMs: 0, salesPerSecond: [] }),
  });
  const join = async () => {
    const response = new FakeResponse();
    const joining = feed.join(response as unknown as ServerResponse);
    await vi.advanceTimersByTimeAsync(0);
    await joining;
    return response;
  };
  return { feed, made, join };
}

describe('the feed', () => {
  it('greets a viewer with the rates and a snapshot, and sends one more each second', async () => {
    const { join } = setUp();
    const viewer = await join();
    expect(viewer.written[0]).toMatch(/^retry: \d+\n\nevent: rates\ndata: \{.*\}\n\n$/);
    await vi.advanceTimersByTimeAsync(3000);
    expect(viewer.events).toEqual(['rates', 'live', 'live', 'live', 'live']);
  });

  it('makes one snapshot and asks the database once for a hundred viewers', async () => {
    const { made, join } = setUp();
    const viewers = await Promise.all(Array.from({ length: 100 }, join));
    expect(made).toEqual({ snapshots: 1, refreshes: 1 });
    Object.assign(made, { snapshots: 0, refreshes: 0 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(made).toEqual({ snapshots: 10, refreshes: 10 });
    const last = viewers.map(({ written }) => written.at(-1));
    expect(new Set(last).size).toBe(1);
  });

  it('passes over a viewer that does not read, gives it the newest when it does, and lets go of one that never does', async () => {
    const { feed, join } = setUp();
    const [slow, dead, good] = [await join(), await join(), await join()];
    const before = slow.written.length;
    slow.writableNeedDrain = true;
    dead.writableNeedDrain = true;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(slow.written).toHaveLength(before);
    slow.writableNeedDrain = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(slow.written).toHaveLength(before + 1);
    expect(slow.written.at(-1)).toBe(good.written.at(-1));
    await vi.advanceTimersByTimeAsync(15_000);
    expect(dead.destroyed).toBe(true);
    expect(slow.destroyed).toBe(false);
    expect(feed.viewers).toBe(2);
  });

  it('does nothing while nobody looks', async () => {
    const { feed, made, join } = setUp();
    const viewer = await join();
    viewer.end();
    Object.assign(made, { snapshots: 0, refreshes: 0 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(made).toEqual({ snapshots: 0, refreshes: 0 });
    expect(feed.viewers).toBe(0);
  });

  it('goes on every second while the database hangs, and asks it only once', async () => {
    const { made, join } = setUp(() => new Promise(() => {}));
    const joining = join();
    await vi.advanceTimersByTimeAsync(2000);
    const viewer = await joining;
    const before = viewer.written.length;
    await vi.advanceTimersByTimeAsync(5000);
    expect(viewer.written.length - before).toBeGreaterThanOrEqual(4);
    expect(made.refreshes).toBe(1);
  });

  it('asked by a program, does not ask the database twice in a second', async () => {
    const { feed, made } = setUp();
    await feed.current();
    await feed.current();
    expect(made.refreshes).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    await feed.current();
    expect(made.refreshes).toBe(2);
  });
});
