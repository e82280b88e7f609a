#!/bin/sh
# Takes out of node_modules what node-rdkafka was compiled from: half a gigabyte that nothing loads.
# Run in the folder that holds node_modules. Fails if the client cannot be loaded after it.
set -eu
client=node_modules/node-rdkafka
rm -rf "$client/deps" "$client/src" "$client/e2e" "$client/test" "$client/bench" "$client/examples" \
  "$client/build/Release/obj.target" "$client/build/Release/.deps" \
  "$client/build/deps/include" "$client/build/deps/share" "$client/build/deps"/*.a
find "$client/build" -name '*.so*' -type f -exec strip --strip-unneeded {} +
strip --strip-unneeded "$client/build/Release/node-librdkafka.node"
node -e "console.log('node-rdkafka with librdkafka', require('node-rdkafka').librdkafkaVersion)"
