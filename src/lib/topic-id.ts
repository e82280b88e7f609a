/**
 * Topic ids, in hex: what tells a topic that was made anew from the old one of the same name.
 * Brokers before Kafka 2.8 have none; what they say judges nothing.
 */

/** The id of a topic on a broker that gives none. */
export const NO_TOPIC_ID = '0'.repeat(32);

/** Whether these can't be the ids of one topic. */
export function areOtherTopics(known: string, found: string): boolean {
  return known !== found && known !== NO_TOPIC_ID && found !== NO_TOPIC_ID;
}
