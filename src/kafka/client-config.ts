/** What every librdkafka client of ours is told, from the access; one place for both sides. */

import type { KafkaAccess } from './access.ts';
import { DEFAULT_TIMEOUTS } from './broker-socket.ts';

export function clientConfig(access: KafkaAccess): Record<string, unknown> {
  return {
    'client.id': 'vendaval',
    'metadata.broker.list': access.brokers,
    'socket.keepalive.enable': true,
    'socket.connection.setup.timeout.ms': 5000,
    // A connection whose other end has gone without a word; 60 s would hold a checkpoint as long.
    'socket.timeout.ms': DEFAULT_TIMEOUTS.silenceMs,
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 5000,
    // New partitions must be seen well within the watermark delay.
    'topic.metadata.refresh.interval.ms': 5000,
    'log.connection.close': false,
  };
}
