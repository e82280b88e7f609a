#!/usr/bin/env bash
# The tests that need no compiled Kafka client, on other versions of Node than the one installed:
# everything from a response's bytes to the sums, with each version's own zstd. A version comes
# from npm as a package; where that has none for this kind of machine, it is said and left out.
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
    test/unit/window test/property/accumulator test/property/compression test/property/responses \
    test/property/sale test/property/state
done
