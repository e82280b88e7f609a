/** Certificates for tests, by the openssl program: authorities, and servers good and bad. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VendavalError } from '../../src/lib/errors.ts';
import { runToEnd } from '../../src/mongo/child-processes.ts';
import type { Ending } from './engine-process.ts';

const LIMIT_MS = 30_000;
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** As `openssl ca` takes them: from, to. */
const VALID = ['20200101000000Z', '20991231235959Z'] as const;
const EXPIRED = ['20200101000000Z', '20200102000000Z'] as const;

export interface ServerCertificate {
  /** PEM files with the same. */
  readonly keyFile: string;
  readonly certFile: string;
  readonly key: Buffer;
  readonly cert: Buffer;
}

async function openssl(folder: string, ...args: readonly string[]): Promise<void> {
  const result = await runToEnd('openssl', args, { cwd: folder, timeLimitMs: LIMIT_MS });
  if (result.code === 0) return;
  throw new VendavalError(`openssl ${args[0]} failed: ${result.tail}`, {
    code: 'E_TEST_OPENSSL',
    hint: 'Install it: sudo apt-get install -y openssl',
  });
}

export class CertificateAuthority {
  /** For tlsCAFile and KAFKA_CA. */
  readonly certFile: string;
  readonly #folder: string;
  #issued = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.certFile = join(folder, 'ca.pem');
  }

  static async make(test: Ending, name: string): Promise<CertificateAuthority> {
    const folder = await mkdtemp(join(tmpdir(), 'vendaval-ca-'));
    test.onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const config = [
      ...['[ca]', 'default_ca = own', '[own]', 'dir = .', 'new_certs_dir = .'],
      ...['database = index.txt', 'serial = serial', 'certificate = ca.pem'],
      ...['private_key = ca.key', 'default_md = sha256', 'policy = any'],
      ...['copy_extensions = copy', 'unique_subject = no', '[any]', 'commonName = supplied', ''],
    ];
    await writeFile(join(folder, 'ca.cnf'), config.join('\n'));
    await writeFile(join(folder, 'index.txt'), '');
    await writeFile(join(folder, 'serial'), '01\n');
    const own = ['-keyout', 'ca.key', '-out', 'ca.pem', '-days', '3650', '-subj', `/CN=${name}`];
    await openssl(folder, 'req', '-x509', ...KEY, ...own);
    return new CertificateAuthority(folder);
  }

  /**
   * @param names for subjectAltName, such as IP:127.0.0.1 or DNS:loja.example
   * @param end of its time, in place of a far one
   */
  async issue(names: string, isExpired = false, end?: Date): Promise<ServerCertificate> {
    const name = `server-${++this.#issued}`;
    const [from, to] = isExpired ? EXPIRED : VALID;
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`];
    await openssl(this.#folder, 'req', '-new', ...KEY, ...files, ...subject);
    const until = end ? `${end.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z` : to;
    const times = ['-startdate', from, '-enddate', until];
    const signed = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-notext'];
    await openssl(this.#folder, 'ca', '-batch', '-config', 'ca.cnf', ...times, ...signed);
    const keyFile = join(this.#folder, `${name}.key`);
    const certFile = join(this.#folder, `${name}.pem`);
    return { keyFile, certFile, key: await readFile(keyFile), cert: await readFile(certFile) };
  }
}
