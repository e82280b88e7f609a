/**
 * The files for Docker and Kubernetes, held to the program and to each other as far as that goes
 * without a Docker engine: what they set are settings that the program takes, what they mount and
 * copy is there, what they ask for is served.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { OPTIONS } from '../../../src/config/options.ts';
import { resolveSettings } from '../../../src/config/settings.ts';
import { blocksOf, readPage } from '../../parts/docs/page.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const pathOf = (path: string) => fileURLToPath(new URL(path, root));
const VARIABLES: ReadonlySet<string> = new Set(
  Object.values(OPTIONS).flatMap((option) =>
    'secret' in option ? [option.env, `${option.env}_FILE`] : [option.env],
  ),
);

interface Service {
  readonly image: string;
  readonly command?: string[];
  readonly profiles?: string[];
  readonly ports?: string[];
  readonly environment?: Record<string, string>;
  readonly volumes?: string[];
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: unknown };
  readonly depends_on?: string[] | Record<string, { readonly condition: string }>;
}

const compose: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(
  read('docker/compose.yaml'),
  { merge: true },
);
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image === 'vendaval');

describe('docker/compose.yaml', () => {
  it("opens the usual ports, to this machine's own programs only", () => {
    const ports = services.flatMap(([, { ports: own = [] }]) => own);
    expect(ports.every((port) => /^127\.0\.0\.1:(\d+):\1$/.test(port))).toBe(true);
    const numbers = ports.map((port) => Number(port.split(':')[1]));
    expect(numbers).toEqual(expect.arrayContaining([9092, 27017, 8081, 4040]));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('starts without a profile what the job needs, and with one three engines or the graphs', () => {
    const started = (profile?: string) =>
      services
        .filter(([, { profiles }]) => !profiles || profiles.includes(profile ?? ''))
        .map(([name]) => name);
    const whole = ['kafka', 'mongo', 'mongo-express', 'topics', 'engine', 'produce'];
    expect(started().sort()).toEqual(whole.sort());
    expect(started('scale').filter((name) => name.startsWith('engine'))).toHaveLength(3);
    expect(started('observability')).toEqual(expect.arrayContaining(['prometheus', 'grafana']));
  });

  it('sets what the program takes, and says where the others are by their names', () => {
    expect(ours.length).toBeGreaterThan(4);
    for (const [name, { environment = {} }] of ours) {
      expect(Object.keys(environment).filter((key) => !VARIABLES.has(key))).toEqual([]);
      const { settings } = resolveSettings({ flags: {}, env: environment });
      const hosts = [settings.brokers.split(':')[0], new URL(settings.mongo).hostname];
      expect(Object.keys(compose.services), name).toEqual(expect.arrayContaining(hosts));
      expect(Object.keys(compose.services)).toEqual(
        expect.arrayContaining([...settings.httpHosts]),
      );
    }
    const listeners = compose.services.kafka.environment!.KAFKA_ADVERTISED_LISTENERS;
    expect(listeners).toContain(`://${ours[0][1].environment!.KAFKA_BROKERS}`);
    expect(listeners).toContain('://localhost:9092');
  });

  it('waits for what a service needs by a health check that is there', () => {
    for (const [name, { depends_on: needs = {} }] of services) {
      if (Array.isArray(needs)) continue;
      for (const [other, { condition }] of Object.entries(needs)) {
        const isChecked = compose.services[other].healthcheck?.test !== undefined;
        expect(condition === 'service_healthy', `${name} on ${other}`).toBe(isChecked);
      }
    }
  });

  it('names a version of each image that it fetches, and mounts what exists', () => {
    for (const [name, { image, volumes = [] }] of services) {
      if (image !== 'vendaval') expect(image, name).toMatch(/:v?\d+\.\d+(\.\d+)?$/);
      for (const [source] of volumes.map((volume) => volume.split(':'))) {
        const isThere = source.startsWith('.')
          ? existsSync(pathOf(`docker/${source}`))
          : source in compose.volumes;
        expect(isThere, `${name} mounts ${source}`).toBe(true);
      }
    }
  });

  it('asks for Prometheus the engines that there are', () => {
    const { scrape_configs: jobs } = parse(read('docker/observability/prometheus-compose.yml'));
    const [{ names, port }] = jobs[0].dns_sd_configs;
    const engines = services.filter(([, { command }]) => command?.includes('engine'));
    expect(names).toEqual(engines.map(([name]) => name));
    expect(port).toBe(4040);
  });

  it('gives Grafana the dashboard and the Prometheus that there are', () => {
    const { volumes = [], environment = {} } = compose.services.grafana;
    const mounts = new Map(
      volumes.map((volume) => volume.split(':').slice(0, 2) as [string, string]),
    );
    expect(mounts.get('./observability/grafana')).toBe('/etc/grafana/provisioning');
    const dashboards = dirname(mounts.get('./observability/grafana-dashboard.json')!);
    const provisioning = (path: string) => parse(read(`docker/observability/grafana/${path}`));
    const { providers } = provisioning('dashboards/vendaval.yml');
    expect(providers).toMatchObject([{ type: 'file', options: { path: dashboards } }]);
    const home = environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
    expect(home).toBe(mounts.get('./observability/grafana-dashboard.json'));
    const { datasources } = provisioning('datasources/prometheus.yml');
    const [port] = compose.services.prometheus.ports!.map((one) => one.split(':')[2]);
    const url = `http://prometheus:${port}`;
    expect(datasources).toMatchObject([{ type: 'prometheus', access: 'proxy', url }]);
  });

  const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

  it.skipIf(!hasPromtool)('gives Prometheus a configuration that it takes', () => {
    for (const name of ['prometheus.yml', 'prometheus-compose.yml']) {
      const file = pathOf(`docker/observability/${name}`);
      execFileSync('promtool', ['check', 'config', file], { stdio: 'pipe' });
    }
  });
});

describe('the secrets for Docker in docs/SECURITY.md', () => {
  it('are variables that the program takes, and files that are mounted', () => {
    const block = blocksOf(readPage('docs/SECURITY.md')).find((one) => one.language === 'yaml');
    const { services: secured, secrets } = parse(block!.text);
    const { environment, secrets: mounted } = secured.engine;
    expect(mounted.sort()).toEqual(Object.keys(secrets).sort());
    const values = Object.entries<string>(environment);
    expect(values.filter(([name]) => !VARIABLES.has(name))).toEqual([]);
    const files = values.filter(([, value]) => value.startsWith('/')).map(([, value]) => value);
    expect(files.sort()).toEqual(mounted.map((name: string) => `/run/secrets/${name}`).sort());
    const plain = values.filter(([, value]) => !value.startsWith('/'));
    // The files are there only in the container.
    const given = { ...Object.fromEntries(plain), KAFKA_CA: 'ca.pem', KAFKA_PASSWORD: 'x' };
    expect(resolveSettings({ flags: {}, env: given }).settings.kafkaSasl).toBe('SCRAM-SHA-512');
  });
});

describe('docker/Dockerfile', () => {
  const text = read('docker/Dockerfile');

  it('copies what exists, and what .dockerignore lets through', () => {
    const ignored = new Set(read('.dockerignore').split('\n').filter(Boolean));
    const copies = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from]) =>
      from.split(' '),
    );
    expect(copies).toContain('package-lock.json');
    for (const path of copies) {
      expect(existsSync(pathOf(path)), path).toBe(true);
      expect(ignored.has(path), path).toBe(false);
    }
  });

  it('ends as a user who is not root, with the engine as its command and a check of its own', () => {
    const last = text.slice(text.lastIndexOf('\nFROM '));
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^CMD \["node", "dist\/main\.js"\]$/m);
    expect(last).toContain('/livez');
  });
});

describe('docker/k8s', () => {
  const folder = 'docker/k8s';
  const kustomization = parse(read(`${folder}/kustomization.yaml`));
  const documents = (name: string) =>
    parseAllDocuments(read(`${folder}/${name}`)).map((document) => document.toJS());
  const [deployment] = documents('deployment.yaml');
  const { template } = deployment.spec;
  const [container] = template.spec.containers;

  it('sets what the program takes', () => {
    const literals: string[] = kustomization.configMapGenerator[0].literals;
    const env = Object.fromEntries(literals.map((literal) => literal.split(/=(.*)/s)));
    expect(Object.keys(env).filter((key) => !VARIABLES.has(key))).toEqual([]);
    const { settings } = resolveSettings({ flags: {}, env });
    expect(settings.http).toEqual({ host: '0.0.0.0', port: container.ports[0].containerPort });
    expect(container.env.every(({ name }: { name: string }) => VARIABLES.has(name))).toBe(true);
  });

  it('keeps the password in a secret', () => {
    const [mongo] = container.env;
    expect(mongo).toMatchObject({ name: 'MONGO_URL', valueFrom: { secretKeyRef: {} } });
  });

  it('probes paths that are served, and points at pods that there are', () => {
    const served = read('src/dashboard/dashboard.ts');
    for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
      expect(served).toContain(`'${container[probe].httpGet.path}'`);
    }
    const { labels } = template.metadata;
    for (const [document] of ['service.yaml', 'disruption-budget.yaml'].map(documents)) {
      expect(labels).toMatchObject(document.spec.selector.matchLabels ?? document.spec.selector);
    }
  });

  it('scales to at most one engine for each partition, by the group and topic of the settings', () => {
    const [{ spec }] = documents('scaled-object.yaml');
    const { consumerGroup, topic } = spec.triggers[0].metadata;
    expect(spec.maxReplicaCount).toBeLessThanOrEqual(3);
    expect({ consumerGroup, topic }).toEqual({
      consumerGroup: OPTIONS.group.defaultText,
      topic: OPTIONS.topic.defaultText,
    });
  });

  it('is made secure by an overlay whose files are those of the mounted secret', () => {
    const [{ spec }] = documents('../k8s-secure/deployment-patch.yaml');
    const { containers, volumes } = spec.template.spec;
    const [{ env, volumeMounts }] = containers;
    expect(env.filter(({ name }: { name: string }) => !VARIABLES.has(name))).toEqual([]);
    const [{ mountPath, name }] = volumeMounts;
    expect(volumes).toMatchObject([{ name, secret: { secretName: 'vendaval-secrets' } }]);
    const files = env.filter(({ value = '' }) => value.startsWith('/'));
    const made = /--from-file=[\s\S]*?(?=\n# {3}kubectl)/.exec(
      read('docker/k8s-secure/kustomization.yaml'),
    );
    const keys = [...made![0].matchAll(/--from-file=([a-z-]+)/g)].map(([, key]) => key);
    expect(files.map(({ value }: { value: string }) => value).sort()).toEqual(
      keys.map((key) => `${mountPath}/${key}`).sort(),
    );
    // What it says goes together; the files are there only in the cluster.
    const plain = env.filter(({ value = '' }) => value !== '' && !value.startsWith('/'));
    const settings = Object.fromEntries(
      plain.map((one: { name: string; value: string }) => [one.name, one.value]),
    );
    const given = { ...settings, KAFKA_CA: 'ca.pem', KAFKA_PASSWORD: 'x' };
    expect(resolveSettings({ flags: {}, env: given }).settings.kafkaSasl).toBe('SCRAM-SHA-512');
  });

  const hasKubectl = spawnSync('kubectl', ['version', '--client']).error === undefined;

  it.skipIf(!hasKubectl)('comes together in kustomize', () => {
    const text = execFileSync('kubectl', ['kustomize', pathOf(folder)], { encoding: 'utf8' });
    expect(parseAllDocuments(text)).toHaveLength(kustomization.resources.length + 1);
    const secure = execFileSync('kubectl', ['kustomize', pathOf('docker/k8s-secure')], {
      encoding: 'utf8',
    });
    const made = parseAllDocuments(secure).map((document) => document.toJS());
    const [{ env }] = made.find(({ kind }) => kind === 'Deployment').spec.template.spec.containers;
    const names = env.map(({ name }: { name: string }) => name);
    expect(names).toContain('MONGO_URL_FILE');
    expect(names).not.toContain('MONGO_URL');
  });
});
