#!/usr/bin/env bash
# Other versions of Node than the one installed. On each, the tests that need no compiled Kafka
# client: everything from a response's bytes to the sums, with the version's own zstd. On the last,
# which production should use, also the whole: the client compiled for it, and the engine on a real
# broker and database. A version comes from npm as a package; where that has none for this kind of
# machine, it is said and left out.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

kind="$(node -p 'process.platform + "-" + process.arch')"
for version in "$@"; do
  if ! npm install --prefix "$folder/$version" --no-audit --no-fund --no-save \
    "node-$kind@$version" >"$folder/log" 2>&1; then
    echo "left out: npm has no Node $version for $kind: $(tail -1 "$folder/log")"
    continue
  fi
  node="$folder/$version/node_modules/node-$kind/bin/node"
  echo "Node $("$node" --version)"
  "$node" node_modules/vitest/vitest.mjs run --project unit \
    test/unit/kafka/compression test/unit/kafka/record test/unit/kafka/requests \
    test/unit/kafka/broker-socket test/unit/workers test/unit/sale test/unit/state \
    test/unit/window test/property/accumulator test/property/batch-reader test/property/compression \
    test/property/responses test/property/sale test/property/state
  last="$folder/$version/node_modules/node-$kind"
done
[ -n "${last:-}" ] || exit 0

echo "Node $("$last/bin/node" --version): the whole"
mkdir "$folder/whole"
git ls-files -z | xargs -0 cp --parents --target-directory "$folder/whole"
cd "$folder/whole"
export PATH="$last/bin:$PATH" npm_config_nodedir="$last"
# One compiler at a time: node-rdkafka's make does not bear more.
env -u JOBS -u MAKEFLAGS npm ci --no-audit --no-fund
npm run --silent build
npx vitest run --project integration test/integration/exactness.test.ts \
  test/integration/flatbuffers.test.ts test/integration/sigterm.test.ts test/integration/verify.test.ts
