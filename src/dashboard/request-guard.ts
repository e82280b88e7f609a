/**
 * Who may ask, judged before anything else looks at a request. The page is read-only and for this
 * machine's own browsers and tools: other sites' pages get nothing, neither by a request of their
 * own (Origin, Sec-Fetch-Site) nor by a host name that they point at this address (DNS
 * rebinding). Pure.
 */
import { isIP } from 'node:net';
import type { HttpFailure } from './http-failure.ts';

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
}

/** Probes ask by whatever name the machine has, and learn nothing worth guarding. */
const OPEN_PATHS = new Set(['/livez', '/readyz']);

/** @param hostNames names besides localhost and addresses, in lower case */
export function judgeRequest(
  head: RequestHead,
  hostNames: ReadonlySet<string>,
): HttpFailure | null {
  if (head.method !== 'GET' && head.method !== 'HEAD') {
    return {
      status: 405,
      code: 'E_HTTP_METHOD',
      message: `${head.method} is not allowed: this is read-only`,
      hint: 'Use GET or HEAD.',
    };
  }
  if (OPEN_PATHS.has(head.path)) return null;
  const name = hostName(head.host);
  if (!isTrusted(name, hostNames)) {
    return {
      status: 421,
      code: 'E_HTTP_HOST',
      message: `the host name "${name}" is not one of this page's`,
      hint: `Ask by localhost or by address, or start the engine with --http-hosts ${name || '<name>'}`,
    };
  }
  return isForeign(head) ? FOREIGN : null;
}

const FOREIGN: HttpFailure = {
  status: 403,
  code: 'E_HTTP_ORIGIN',
  message: "this is for the engine's own page, not for other sites' pages",
  hint: 'Open the page itself, or ask from a program instead of a browser.',
};

/** "host:port", "[v6]:port" or a bare host, without the port and in lower case. */
function hostName(host = ''): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/** Rebinding needs a name that somebody else controls: an address is none. */
function isTrusted(name: string, hostNames: ReadonlySet<string>): boolean {
  return isIP(name) !== 0 || name === 'localhost' || hostNames.has(name);
}

function isForeign({ host, origin, fetchSite, fetchMode }: RequestHead): boolean {
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return true;
  }
  // A link on another page may lead here; a picture or a script of that page may not.
  return (
    fetchSite !== undefined &&
    !['same-origin', 'none'].includes(fetchSite) &&
    fetchMode !== 'navigate'
  );
}
