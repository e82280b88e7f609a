/**
 * What piscina requires in a thread. The code is imported from here: Node 20 aborts the process
 * when a thread is ended, by the pool or by the process' own end, while an ES module that it requires
 * is linked. Source: `node::loader::ModuleWrap::InstantiateSync`, which asks `IsGraphAsync` all the same.
 */
const code = import('./lease-task.ts');

type RunLease = Awaited<typeof code>['default'];

module.exports = (async (task) => (await code).default(task)) satisfies RunLease;
