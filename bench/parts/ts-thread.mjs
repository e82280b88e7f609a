// A worker thread's entry that can load TypeScript: tsx registers itself in the main thread only.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.script);
