/** A host and its port in one text, as lists of brokers, URLs and programs on a command line take it. */

export interface HostPort {
  /** A name or an address; one of IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `[::1]:9092`, since the colons of `::1:9092` could not be told apart. */
export const hostPort = ({ host, port }: HostPort) =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
