import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { exitOf, startChild } from '../measuring/children.ts';
import { itemValues } from '../nodes/item-table.ts';
import { findGoProgram } from './go-programs.ts';
import { freePorts, type Peer, untilReady } from './peer.ts';

const host = '127.0.0.1';
const protoFile = fileURLToPath(new URL('./immudb.proto', import.meta.url));

/** The first user of a new server. */
const administrator = 'immudb';
const databaseName = 'defaultdb';

/** What this benchmark has no use for; otherwise their ports would have to be free. */
const withoutExtras = ['--web-server=false', '--metrics-server=false', '--pgsql-server=false'];

/** The same table and index as in `item-table.ts`. Keys that immudb counts by itself would make all inserts conflict. */
const tableStatements = [
  'CREATE TABLE item(id INTEGER, k VARCHAR[32] NOT NULL, v VARCHAR[128] NOT NULL, n INTEGER NOT NULL, PRIMARY KEY id)',
  'CREATE INDEX ON item(k)',
];
const insert = 'INSERT INTO item(id, k, v, n) VALUES (@id, @k, @v, @n)';

type Call = (
  request: object,
  metadata: Metadata,
  callback: (error: ServiceError | null, answer: never) => void,
) => void;
type ImmuClient = Client & { readonly OpenSession: Call; readonly SQLExec: Call };
type Parameter = { readonly name: string; readonly value: { readonly n: number } | { readonly s: string } };

/** A primary of immudb and one replica that must hold each transaction durably before it is answered. */
export class ImmudbPair implements Peer {
  readonly name = 'immudb';
  /** `MaxConcurrency` of a database, which no flag changes. */
  readonly maxAtOnce = 30;
  readonly #servers: ChildProcess[] = [];
  readonly #metadata = new Metadata();
  readonly #client: ImmuClient;
  #hasTable = false;

  private constructor(port: number) {
    const loaded = loadPackageDefinition(loadSync(protoFile, { keepCase: true }));
    const { ImmuService } = (loaded['immudb'] as never)['schema'] as {
      ImmuService: new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => ImmuClient;
    };
    this.#client = new ImmuService(`${host}:${port}`, credentials.createInsecure());
  }

  /** Undefined when immudb is not installed. */
  static async start(directory: string): Promise<ImmudbPair | undefined> {
    const program = findGoProgram('immudb');
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
    for (const sql of [...(this.#hasTable ? ['DROP TABLE item'] : []), ...tableStatements]) {
      await this.#call('SQLExec', { sql });
    }
    this.#hasTable = true;
  }

  async insert(index: number): Promise<void> {
    const [k, v, n] = itemValues(index);
    const params: Parameter[] = [
      { name: 'id', value: { n: index } },
      { name: 'k', value: { s: k } },
      { name: 'v', value: { s: v } },
      { name: 'n', value: { n } },
    ];
    await this.#call('SQLExec', { sql: insert, params });
  }

  #call<T>(name: 'OpenSession' | 'SQLExec', request: object): Promise<T> {
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
