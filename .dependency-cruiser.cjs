// The import order of docs/ARCHITECTURE.md: a layer imports only from layers below it,
// and two layers on one line never import each other.
const layers = [
  ['lib'],
  ['config'],
  ['window', 'sale'],
  ['state'],
  ['kafka', 'mongo'],
  ['workers', 'load'],
  ['coordinator', 'verification'],
  ['dashboard', 'doctor', 'upkeep'],
  ['commands'],
  ['cli'],
];

const rules = [];
layers.forEach((line, index) => {
  const higher = layers.slice(index + 1).flat();
  for (const layer of line) {
    const forbidden = [...higher, ...line.filter((other) => other !== layer)];
    if (forbidden.length === 0) continue;
    rules.push({
      name: `${layer}-imports-only-lower`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      to: { path: `^src/(${forbidden.join('|')})/|^src/main\\.ts$` },
    });
  }
});

module.exports = {
  forbidden: [
    ...rules,
    {
      name: 'page-runs-in-a-browser',
      comment: 'of all else it may know the types of what it is sent',
      severity: 'error',
      from: { path: '^src/page/' },
      to: { path: '^src/', pathNot: '^src/(page/|dashboard/api\\.ts$)' },
    },
    {
      name: 'nothing-imports-the-page',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/page/' },
      to: { path: '^src/page/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: ['^src/main\\.ts$', '^src/page/main\\.ts$', '\\.d\\.ts$'] },
      to: {},
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'not-to-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-durable-progress-issues-permits',
      comment: 'the group member takes permits and asks whether one is genuine; it makes none',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(mongo/progress-store|kafka/group-member|lib/commit-permit)\\.ts$',
      },
      to: { path: '^src/lib/commit-permit\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the-verifier-shares-no-verdict',
      comment: 'a second opinion: none of the code that judges, sums or stores what it checks',
      severity: 'error',
      from: { path: '^src/verification/' },
      to: {
        pathNot: '^src/sale/flatbuffers/generated/',
        path:
          '^src/(sale|window|state|workers)/|^src/mongo/(progress|ownership|settings|totals)-(document|reader|store)' +
          '|^src/kafka/(record-batch|record-headers|dead-letters|compression)',
      },
    },
    {
      name: 'worker-threads-stay-light',
      comment: 'a heavy import costs each thread up to a second of CPU at start',
      severity: 'error',
      from: { path: '^src/(workers|load|state|window|sale)/' },
      to: { path: 'node_modules/(node-rdkafka|mongodb|pino|commander|prom-client|@faker-js)' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  },
};
