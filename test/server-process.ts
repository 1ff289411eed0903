import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NodeClient } from '../src/client/interface.ts';
import { isQuorateError } from '../src/errors/interface.ts';
import type { DatabaseStatus } from '../src/proto/interface.ts';
import type { ConnectionSecurity } from '../src/tls/interface.ts';
import { eventually, patienceMs } from './until.ts';

export const adminPassword = 'correct horse battery staple';

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

/** The program of this clone, on this Node. */
export const serverCommand: readonly string[] = [process.execPath, program];

interface ReadyEvent {
  readonly nodeId: string;
  readonly grpc: { readonly host: string; readonly port: number };
  readonly http: { readonly host: string; readonly port: number };
  readonly adminPassword?: string;
}

const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});

export interface StartOptions {
  readonly directory: string;
  readonly args?: readonly string[];
  /** Of the administrator at the first start; null lets the server make one. */
  readonly password?: string | null;
  /** From an earlier life of the server: spares it the hashing of a password. */
  readonly token?: string | undefined;
  /** The program before its arguments; the one of this clone, on this Node, when absent. */
  readonly command?: readonly string[];
  /** Where clients in this process reach it, if not where it listens. */
  readonly reach?: { readonly host: string; readonly port: number } | undefined;
  /** How its clients connect; in plain text when absent. */
  readonly security?: ConnectionSecurity | undefined;
}

/** A real server in a process of its own. */
export class ServerProcess {
  readonly directory: string;
  readonly ready: ReadyEvent;
  readonly #child: ChildProcess;
  readonly #log: string[];
  readonly #token: string | undefined;
  readonly #security: ConnectionSecurity | undefined;
  readonly #reach: { readonly host: string; readonly port: number };
  #client: Promise<NodeClient> | undefined;

  private constructor(
    { directory, token, security, reach }: StartOptions,
    child: ChildProcess,
    ready: ReadyEvent,
    log: string[],
  ) {
    this.directory = directory;
    this.#token = token;
    this.#security = security;
    this.#reach = reach ?? ready.grpc;
    this.#child = child;
    this.ready = ready;
    this.#log = log;
  }

  /** Resolves when the server says that it is ready; rejects with what it printed when it ends before. */
  static async start(options: StartOptions): Promise<ServerProcess> {
    const { directory, args = [], password = adminPassword, command = serverCommand } = options;
    const flags = ['--json', '--dir', directory, '--log-level', 'warn', ...defaults(args, password), ...args];
    const [executable = '', ...parameters] = command;
    const child = spawn(executable, [...parameters, 'server', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const log: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text));
    const ready = await new Promise<ReadyEvent>((resolve, reject) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const event = JSON.parse(line) as ReadyEvent & { event: string };
        if (event.event === 'ready') {
          resolve(event);
        }
      });
      child.once('close', (code) => reject(new Error(`the server ended with ${code}: ${log.join('')}`)));
    });
    return new ServerProcess(options, child, ready, log);
  }

  get port(): number {
    return this.ready.grpc.port;
  }

  get httpUrl(): string {
    return `http://${this.ready.http.host}:${this.ready.http.port}`;
  }

  get processId(): number {
    return this.#child.pid as number;
  }

  /** What the server has written to standard error. */
  get log(): string {
    return this.#log.join('');
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** A client that is logged in as admin; a replica may have to wait until it knows its users. */
  client(password = adminPassword): Promise<NodeClient> {
    this.#client ??= this.#logIn(password);
    return this.#client;
  }

  async #logIn(password: string): Promise<NodeClient> {
    const client = new NodeClient({
      ...this.#reach,
      token: this.#token,
      security: this.#security,
    });
    if (this.#token !== undefined) {
      return client;
    }
    for (const end = Date.now() + patienceMs; ; await sleep(20)) {
      try {
        await client.login('admin', password);
        return client;
      } catch (error) {
        if (!isQuorateError(error) || error.code !== 'UNAVAILABLE' || this.#hasEnded || Date.now() > end) {
          throw error;
        }
      }
    }
  }

  /** Values of the rows of the first result. */
  async query(database: string, sql: string, waitForTxId?: number): Promise<unknown[][]> {
    const { results } = await (await this.client()).execute(database, [{ sql }], { waitForTxId });
    return (results[0]?.rows ?? []).map((row) => [...row]);
  }

  /** Runs statements as one transaction and returns its number. */
  async execute(database: string, ...statements: string[]): Promise<number> {
    const { txId } = await (await this.client()).execute(
      database,
      statements.map((sql) => ({ sql })),
    );
    return txId;
  }

  /** Position and digest of the content of a database: equal on nodes that show the same. */
  async digest(database: string): Promise<string> {
    const { txId, digest } = await (await this.client()).digest(database);
    return `${txId} ${digest.toString('hex')}`;
  }

  async database(name: string): Promise<DatabaseStatus> {
    const { databases } = await (await this.client()).status(name);
    return databases[0] as DatabaseStatus;
  }

  /** Waits until a database is as the condition wants it. */
  async until(name: string, condition: (status: DatabaseStatus) => boolean): Promise<DatabaseStatus> {
    return await eventually(() => this.database(name), condition);
  }

  /** Stops the server with a signal and returns its exit code, or the signal that ended it. */
  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGKILL' = 'SIGTERM'): Promise<number | string> {
    const client = this.#client;
    this.#client = undefined;
    client?.then((connected) => connected[Symbol.dispose]()).catch(() => {});
    if (!this.#hasEnded) {
      const closed = new Promise((resolve) => this.#child.once('close', resolve));
      this.#child.kill(signal);
      await closed;
    }
    return this.#child.exitCode ?? (this.#child.signalCode as string);
  }
}

/** Free ports and the password, where a test does not say otherwise; the users of a replica come from its upstream. */
function defaults(args: readonly string[], password: string | null): string[] {
  const has = (flag: string) => args.some((argument) => argument.startsWith(flag));
  return [
    ...(has('--port') ? [] : ['--port', '0']),
    ...(has('--http-port') ? [] : ['--http-port', '0']),
    // Its markers would move positions that tests compare.
    ...(has('--scrub-interval') ? [] : ['--scrub-interval', '0']),
    ...(password === null || has('--replication-enabled') ? [] : ['--admin-password', password]),
  ];
}

/** The SQLite file of a database of a server that has stopped, for those who change it by hand. */
export function sqliteFile(directory: string, database: string): string {
  const [file, ...more] = globSync(path.join(directory, 'databases', database, 'content-*', 'data.sqlite'));
  if (file === undefined || more.length > 0) {
    throw new Error(`there is not one content of ${database} in ${directory}`);
  }
  return file;
}

/** Conditions for `until`. */
export const streams = ({ replicator }: DatabaseStatus) => replicator?.state === 'streaming';
export const shows = (txId: number) => (status: DatabaseStatus) => status.appliedTxId >= txId;

/** Flags that make a database follow one of another server. */
export function follow(server: ServerProcess, ...more: string[]): string[] {
  return [
    '--replication-enabled',
    '--replication-primary-host=127.0.0.1',
    `--replication-primary-port=${server.port}`,
    '--replication-primary-username=admin',
    `--replication-primary-password=${adminPassword}`,
    ...more,
  ];
}

/** A test, a suite or a file, at whose end something is to be done. */
export interface TestScope {
  after(action: () => unknown): void;
}

/** Servers and folders of a test or of several, which are gone at their end. */
export class ServerFixture {
  readonly root: string;
  readonly #servers: ServerProcess[] = [];

  constructor(t: TestScope) {
    this.root = mkdtempSync(path.join(os.tmpdir(), 'quorate-servers-'));
    t.after(async () => {
      await Promise.all(this.#servers.map((server) => server.stop('SIGKILL')));
      rmSync(this.root, { recursive: true, force: true });
    });
  }

  start(name: string, ...args: string[]): Promise<ServerProcess> {
    return this.startWith(name, { args });
  }

  async startWith(name: string, options: Omit<StartOptions, 'directory'>): Promise<ServerProcess> {
    const server = await ServerProcess.start({ directory: path.join(this.root, name), ...options });
    this.#servers.push(server);
    return server;
  }
}
