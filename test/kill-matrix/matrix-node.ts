/** One server of the matrix, through all of its lives. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeClient } from '../../src/client/interface.ts';
import { isQuorateError } from '../../src/errors/interface.ts';
import { TransactionLog } from '../../src/log/interface.ts';
import { nodeFileSystem } from '../../src/runtime/interface.ts';
import { isStopped } from '../process-state.ts';
import { adminPassword, type ServerFixture, type ServerProcess } from '../server-process.ts';

export const matrixDatabase = 'matrix';

/** How long a condition may take to come true on a busy machine, in milliseconds. */
const patienceMs = 30_000;

export async function waitFor(condition: () => boolean, what: () => string): Promise<void> {
  for (const end = Date.now() + patienceMs; !condition(); await sleep(1)) {
    if (Date.now() > end) {
      throw new Error(`did not come true: ${what()}`);
    }
  }
}

/** A server that is killed and started again under the same name, folder and port. */
export class MatrixNode {
  readonly name: string;
  readonly #fixture: ServerFixture;
  readonly #args: readonly string[];
  readonly #token: string;
  #server: ServerProcess;
  #isHalted = false;
  #up = Promise.withResolvers<void>();

  private constructor(fixture: ServerFixture, server: ServerProcess, token: string, args: readonly string[]) {
    this.name = path.basename(server.directory);
    this.#fixture = fixture;
    this.#server = server;
    this.#token = token;
    this.#args = args;
    this.#up.resolve();
  }

  static async start(fixture: ServerFixture, name: string, limits: readonly string[]): Promise<MatrixNode> {
    const args = ['--log-level', 'info', '--node-name', name, ...limits];
    const server = await fixture.start(name, ...args);
    using client = new NodeClient({ host: server.ready.grpc.host, port: server.port });
    const { token } = await client.login('admin', adminPassword);
    return new MatrixNode(fixture, server, token, [...args, '--port', String(server.port)]);
  }

  get server(): ServerProcess {
    return this.#server;
  }

  /** Killed, or standing still. */
  get isHalted(): boolean {
    return this.#isHalted;
  }

  get databaseDirectory(): string {
    return path.join(this.#server.directory, 'databases', matrixDatabase);
  }

  /** A client of the present life, as soon as there is one. */
  async client(): Promise<NodeClient> {
    await this.#up.promise;
    return await this.#server.client();
  }

  /** Kills the server; resolves when everything that it had written was read. */
  async kill(): Promise<void> {
    this.#up = Promise.withResolvers();
    this.#isHalted = true;
    await this.#server.stop('SIGKILL');
  }

  /** Lets the server stand still; resolves when all of its threads do. */
  async pause(): Promise<void> {
    this.#isHalted = true;
    const { processId } = this.#server;
    process.kill(processId, 'SIGSTOP');
    await waitFor(
      () => isStopped(processId),
      () => `${this.name} stands still`,
    );
  }

  resume(): void {
    process.kill(this.#server.processId, 'SIGCONT');
    this.#isHalted = false;
  }

  async restart(): Promise<void> {
    this.#server = await this.#fixture.startWith(this.name, { args: this.#args, token: this.#token });
    this.#isHalted = false;
    this.#up.resolve();
  }

  /** State of the replicator, as the server has last logged it. */
  get replicatorState(): string {
    const { log } = this.#server;
    const at = log.lastIndexOf('"state":"');
    return at < 0 ? '' : (/^"state":"([a-z-]+)"/.exec(log.slice(at))?.[1] ?? '');
  }

  /** Waits until the server has logged one of these states as its newest. */
  async entered(...states: readonly string[]): Promise<string> {
    await waitFor(
      () => states.includes(this.replicatorState),
      () => `${this.name} is ${states.join(' or ')}; it is ${this.replicatorState}`,
    );
    return this.replicatorState;
  }

  /** Calls until the server takes it: it may be about to start, or may have been killed in the middle of the last attempt. */
  async insist<T>(call: (client: NodeClient) => Promise<T>): Promise<T> {
    for (const end = Date.now() + patienceMs; ; await sleep(20)) {
      try {
        return await call(await this.client());
      } catch (error) {
        const code = isQuorateError(error) ? error.code : '';
        if ((code !== 'UNAVAILABLE' && code !== 'CANCELLED') || Date.now() > end) {
          throw error;
        }
      }
    }
  }

  /** Whether the log of a halted server has a transaction, as recovery would see it: a copy of the files is opened. */
  hasLogged({ txId, term }: { readonly txId: number; readonly term: number }): boolean {
    const source = this.#logDirectory();
    if (source === undefined) {
      return false;
    }
    const copy = mkdtempSync(path.join(this.#fixture.root, 'log-'));
    try {
      cpSync(source, copy, { recursive: true });
      const { log } = TransactionLog.open(nodeFileSystem, copy);
      // Only what was cut because everybody has it may be older than the log.
      const isThere = txId < log.firstTxId - 1 || log.positionOf(txId)?.term === term;
      log.close();
      return isThere;
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  /** Name of the folder whose content counts; another one after a snapshot was installed. Undefined without the database. */
  get content(): string | undefined {
    const settings = path.join(this.databaseDirectory, 'settings.json');
    return existsSync(settings) ? JSON.parse(readFileSync(settings, 'utf8')).content : undefined;
  }

  #logDirectory(): string | undefined {
    const { content } = this;
    const directory = path.join(this.databaseDirectory, content ?? '', 'log');
    return content !== undefined && existsSync(directory) ? directory : undefined;
  }
}
