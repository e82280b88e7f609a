// Runs after npm has installed everything. node-rdkafka is compiled at install and is an optional
// dependency for one reason only: so that a missing compiler is told here, in words that help,
// and not by a page of node-gyp's output.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const NODE_MIN = [20, 19, 4];
const HINTS = [
  'Debian, Ubuntu:  sudo apt-get install -y python3 make g++',
  'Fedora:          sudo dnf install -y python3 make gcc-c++',
  'Alpine:          apk add python3 make g++ bash linux-headers',
  'macOS:           xcode-select --install',
];

function fail(message, hints) {
  console.error(`\nerror: ${message}`);
  for (const hint of hints) console.error(`hint:  ${hint}`);
  process.exit(1);
}

const version = process.versions.node.split('.').map(Number);
const difference = version.map((part, i) => part - NODE_MIN[i]).find((part) => part !== 0) ?? 0;
if (difference < 0) {
  fail(`Node ${process.versions.node} is too old; ${NODE_MIN.join('.')} or newer is needed`, [
    'Install a current Node, such as 24, and run npm ci again.',
  ]);
}

try {
  createRequire(import.meta.url)('node-rdkafka');
} catch (error) {
  const missing = ['python3', 'make', 'g++'].filter(
    (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  if (missing.length > 0) {
    fail(`node-rdkafka could not be compiled: ${missing.join(', ')} not found on the PATH`, [
      ...HINTS,
      'Then run npm ci again.',
    ]);
  }
  fail(`node-rdkafka was not installed or cannot be loaded: ${error.message.split('\n')[0]}`, [
    'See why: npm install --foreground-scripts node-rdkafka',
  ]);
}
