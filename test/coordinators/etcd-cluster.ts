import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePorts } from '../../src/demo/free-port.ts';
import type { TestCertificate } from '../certificates.ts';
import { isStopped } from '../process-state.ts';
import { patienceMs } from '../until.ts';

export const etcdMissing =
  spawnSync('etcd', ['--version']).status === 0 && spawnSync('etcdctl', ['version']).status === 0
    ? false
    : 'etcd is not installed here (apt-get install etcd-server etcd-client), so its coordinator is not tested';

interface Member {
  readonly name: string;
  readonly place: EtcdPlace;
  readonly clientPort: number;
  readonly peerPort: number;
  process: ChildProcess | undefined;
}

export interface EtcdClusterOptions {
  readonly size?: number;
  /** What members answer clients with; they then ask for a certificate of the same authority. */
  readonly certificate?: TestCertificate;
  readonly args?: readonly string[];
  /** Where each member runs, instead of beside this process. */
  readonly places?: readonly EtcdPlace[];
}

export interface EtcdPlace {
  readonly host: string;
  /** What comes before a command that is to run there. */
  readonly prefix: readonly string[];
}

const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});

/** Real etcd processes on loopback, which are gone when `stop` returns. */
export class EtcdCluster {
  readonly #root = mkdtempSync(path.join(os.tmpdir(), 'quorate-etcd-'));
  readonly #options: EtcdClusterOptions;
  readonly members: readonly Member[];

  private constructor(members: readonly Member[], options: EtcdClusterOptions) {
    this.members = members;
    this.#options = options;
  }

  static async start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const size = options.size ?? 3;
    const ports = await findFreePorts('127.0.0.1', Array(2 * size).fill(0));
    const members = Array.from({ length: size }, (_, i) => ({
      name: `m${i}`,
      place: options.places?.[i] ?? { host: '127.0.0.1', prefix: [] },
      clientPort: ports[2 * i] as number,
      peerPort: ports[2 * i + 1] as number,
      process: undefined,
    }));
    const cluster = new EtcdCluster(members, options);
    for (const member of members) {
      cluster.startMember(member);
    }
    await cluster.untilHealthy();
    return cluster;
  }

  get scheme(): string {
    return this.#options.certificate === undefined ? 'http' : 'https';
  }

  /** Of all members, as in `--etcd-endpoints`. */
  get endpoints(): string {
    return this.members.map((member) => this.#clientUrl(member)).join(',');
  }

  startMember(member: Member): void {
    const clientUrl = this.#clientUrl(member);
    const { host, prefix } = member.place;
    const peerUrl = `http://${host}:${member.peerPort}`;
    const { certificate, args = [] } = this.#options;
    const tls =
      certificate === undefined
        ? []
        : [
            ...['--cert-file', certificate.certPath, '--key-file', certificate.keyPath],
            ...['--trusted-ca-file', certificate.caPath, '--client-cert-auth'],
          ];
    const [program = '', ...before] = [...prefix, 'etcd'];
    const child = spawn(
      program,
      [
        ...before,
        ...['--name', member.name, '--data-dir', path.join(this.#root, member.name)],
        ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        '--initial-cluster',
        this.members.map(({ name, peerPort, place }) => `${name}=http://${place.host}:${peerPort}`).join(','),
        ...['--initial-cluster-state', 'new', '--logger', 'zap', '--log-level', 'error'],
        ...tls,
        ...args,
      ],
      // The members keep nothing that must survive the test's machine.
      { stdio: ['ignore', 'ignore', 'ignore'] },
    );
    running.add(child);
    child.once('exit', () => running.delete(child));
    member.process = child;
  }

  /** Output of etcdctl, against one member or all. */
  control(args: readonly string[], member?: Member): string {
    const { certificate } = this.#options;
    const tls =
      certificate === undefined
        ? []
        : ['--cacert', certificate.caPath, '--cert', certificate.certPath, '--key', certificate.keyPath];
    const endpoints = member === undefined ? this.endpoints : this.#clientUrl(member);
    const [program = '', ...before] = [...(this.members[0]?.place.prefix ?? []), 'etcdctl'];
    return execFileSync(program, [...before, '--endpoints', endpoints, ...tls, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
  }

  async untilHealthy(): Promise<void> {
    for (const end = Date.now() + patienceMs; ; await sleep(50)) {
      try {
        this.control(['endpoint', 'health']);
        return;
      } catch (error) {
        if (Date.now() > end) {
          throw error;
        }
      }
    }
  }

  /** The member that leads now. */
  leader(): Member {
    const statuses = JSON.parse(this.control(['endpoint', 'status', '-w', 'json'])) as {
      Status: { header: { member_id: number }; leader: number };
    }[];
    const index = statuses.findIndex(({ Status: status }) => status.header.member_id === status.leader);
    return this.members[index] as Member;
  }

  signal(members: readonly Member[], signal: NodeJS.Signals): void {
    for (const member of members) {
      member.process?.kill(signal);
    }
  }

  /** Stops members as a debugger would, and resolves when they stand still. */
  async suspend(...members: readonly Member[]): Promise<void> {
    this.signal(members, 'SIGSTOP');
    while (!members.every(({ process }) => isStopped(process?.pid as number))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  kill(...members: readonly Member[]): Promise<void> {
    return this.#end(members, 'SIGKILL');
  }

  terminate(...members: readonly Member[]): Promise<void> {
    return this.#end(members, 'SIGTERM');
  }

  async #end(members: readonly Member[], signal: NodeJS.Signals): Promise<void> {
    await Promise.all(
      members.map(async ({ process: child }) => {
        if (child !== undefined && running.has(child)) {
          const exited = once(child, 'exit');
          child.kill(signal);
          await exited;
        }
      }),
    );
  }

  async stop(): Promise<void> {
    await this.kill(...this.members);
    rmSync(this.#root, { recursive: true, force: true });
  }

  #clientUrl({ clientPort, place }: Member): string {
    return `${this.scheme}://${place.host}:${clientPort}`;
  }
}
