/** A broker's side of a connection: requests come in frames, however TCP cuts them. */
import type { Socket } from 'node:net';

/** @param take gets each request without its length, until the connection is closed */
export function onRequest(socket: Socket, take: (request: Buffer) => void): void {
  let have: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    have = Buffer.concat([have, chunk]);
    while (!socket.destroyed && have.length >= 4 && have.length >= 4 + have.readInt32BE(0)) {
      const end = 4 + have.readInt32BE(0);
      take(have.subarray(4, end));
      have = have.subarray(end);
    }
  });
}
