import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { exitOf, startChild } from '../measuring/children.ts';
import { itemValues } from '../nodes/item-table.ts';
import { freePorts, type Peer, untilReady } from './peer.ts';
import { findProgram } from './programs.ts';

const host = '127.0.0.1';
const protoFile = fileURLToPath(new URL('./immudb.proto', import.meta.url));

/** The first user of a new server. */
const administrator = 'immudb';
const databaseName = 'defaultdb';

/** What this benchmark has no use for; otherwise their ports would have to be free. */
const withoutExtras = ['--web-server=false', '--metrics-server=false', '--pgsql-server=false'];

type Call = (
  request: object,
  metadata: Metadata,
  callback: (error: ServiceError | null, answer: never) => void,
) => void;
type ImmuClient = Client & { readonly OpenSession: Call; readonly Set: Call };

/**
 * A primary of immudb and one replica that must hold each transaction durably before it is answered. A row is a key and a value
 * of as many bytes: transactions in its SQL run one after the other, so that 30 clients get no further than one does.
 */
export class ImmudbPair implements Peer {
  readonly name = 'immudb';
  /** `MaxConcurrency` of a database, which no flag changes. */
  readonly maxAtOnce = 30;
  readonly #servers: ChildProcess[] = [];
  readonly #metadata = new Metadata();
  readonly #client: ImmuClient;
  #table = 0;

  private constructor(port: number) {
    const loaded = loadPackageDefinition(loadSync(protoFile, { keepCase: true }));
    const { ImmuService } = (loaded['immudb'] as never)['schema'] as {
      ImmuService: new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => ImmuClient;
    };
    this.#client = new ImmuService(`${host}:${port}`, credentials.createInsecure());
  }

  /** Undefined when immudb is not installed. */
  static async start(directory: string): Promise<ImmudbPair | undefined> {
    const program = findProgram('immudb');
    if (program === undefined) {
      return undefined;
    }
    mkdirSync(directory, { recursive: true });
    const [port = 0, replicaPort = 0] = await freePorts(2);
    const pair = new ImmudbPair(port);
    const begin = (name: string, ownPort: number, ...flags: readonly string[]) => {
      const folder = path.join(directory, name);
      const place = ['--dir', folder, '--address', host, '--port', String(ownPort), '--replication-sync-enabled'];
      const server = startChild(program, [...place, ...withoutExtras, ...flags], { stdio: 'ignore', cwd: directory });
      pair.#servers.push(server);
    };
    begin('primary', port, '--replication-sync-acks=1');
    const upstream = ['--replication-primary-host', host, '--replication-primary-port', String(port)];
    const login = ['--replication-primary-username', administrator, '--replication-primary-password', administrator];
    begin('replica', replicaPort, '--replication-is-replica', ...upstream, ...login);
    await untilReady('immudb', () => pair.#openSession());
    return pair;
  }

  async #openSession(): Promise<boolean> {
    const name = Buffer.from(administrator);
    const request = { username: name, password: name, databaseName };
    const { sessionID } = await this.#call<{ sessionID: string }>('OpenSession', request);
    this.#metadata.set('sessionid', sessionID);
    return true;
  }

  async recreateTable(): Promise<void> {
    this.#table += 1;
  }

  async insert(index: number): Promise<void> {
    const [k, v, n] = itemValues(index);
    const row = { key: Buffer.from(`${this.#table} ${k}`), value: Buffer.from(`${v} ${n}`) };
    await this.#call('Set', { KVs: [row] });
  }

  #call<T>(name: 'OpenSession' | 'Set', request: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#client[name](request, this.#metadata, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    for (const server of this.#servers) {
      server.kill('SIGKILL');
      await exitOf(server);
    }
  }
}
