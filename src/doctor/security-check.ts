/** How safely the brokers are spoken with, and for how long their certificates hold. */
import type { Settings } from '../config/options.ts';
import { settingsWarnings } from '../config/settings.ts';
import type { Place } from '../kafka/broker-socket.ts';
import { type PeerCertificate, peerCertificate } from '../kafka/security/tls-dialer.ts';
import { hostPort } from '../lib/host-port.ts';
import type { Cluster } from './cluster-check.ts';
import { type Looked, READ } from './examination.ts';
import { principalOf } from './kafka-security.ts';

/** Who renews by hand needs some days. */
const EXPIRY_NOTICE_DAYS = 30;
const DAY_MS = 86_400_000;

export async function lookAtSecurity(
  settings: Settings,
  { access, metadata, reachable, toldBy, timeouts }: Cluster,
): Promise<Looked<never>> {
  const { tls = null, sasl = null } = access.security ?? {};
  const who = sasl ? `signed in as ${principalOf(access)} by ${sasl.mechanism}` : 'no sign-in';
  const [warning] = settingsWarnings(settings);
  const data = { tls: tls !== null, mechanism: sasl?.mechanism ?? null };
  if (!tls) {
    const found = `no TLS, ${who}`;
    if (!warning) return { verdict: 'ok', found, data };
    const run = ['export KAFKA_TLS=true KAFKA_CA=…'];
    const problem = { code: 'E_KAFKA_CLEAR_TEXT', cause: `${warning}.`, run, read: READ.security };
    return { verdict: 'warn', found, data, problem };
  }
  const brokers = [...metadata.brokers.values()].filter(({ id }) => reachable.has(id));
  const places: Place[] = brokers.length > 0 ? brokers : [toldBy];
  const shown = await Promise.all(
    places.map(async (place) => {
      const peer = await peerCertificate(place, tls, timeouts.connectMs);
      return { place, peer };
    }),
  );
  const first = shown.reduce((a, b) => (a.peer.validToMs <= b.peer.validToMs ? a : b));
  const days = Math.floor((first.peer.validToMs - Date.now()) / DAY_MS);
  const until = new Date(first.peer.validToMs).toISOString().slice(0, 10);
  const finding = {
    found: `${first.peer.protocol}, certificates hold until ${until}, ${who}`,
    lines: shown.map(({ place, peer }) => `${hostPort(place)}  ${lineOf(peer)}`),
    data: { ...data, brokers: shown.map(({ place, peer }) => ({ at: hostPort(place), ...peer })) },
  };
  if (days >= EXPIRY_NOTICE_DAYS) return { verdict: 'ok', ...finding };
  const cause = `The certificate of ${hostPort(first.place)} expires in ${days} days.`;
  const run = [
    `openssl s_client -connect ${hostPort(first.place)} </dev/null | openssl x509 -noout -dates`,
  ];
  const problem = { code: 'E_KAFKA_TLS', cause, run, read: READ.security };
  return { verdict: 'warn', ...finding, problem };
}

const lineOf = ({ subject, issuer, validToMs }: PeerCertificate) =>
  `${subject}, of ${issuer}, until ${new Date(validToMs).toISOString().slice(0, 10)}`;
