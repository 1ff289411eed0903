import path from 'node:path';
import { type Clock, createNodeRuntime, nullLogger } from '../runtime/interface.ts';
import { useApplicationTracer } from '../tracing/interface.ts';
import { HostClient } from './host-client.ts';
import type { Attachment, HostReady } from './host-messages.ts';
import { handleClosed } from './local-reader.ts';
import { hostOptions, type QuorateOptions } from './options.ts';
import { QuorateDatabase } from './quorate-database.ts';
import type { DatabaseChange, DatabaseStatus, UpstreamOptions } from './types.ts';

/**
 * A node inside this process. Network and replication run on a thread of their own, and each database has its writer
 * thread, so a busy application delays neither replicas nor acknowledgements. A node that nobody waits for keeps no
 * process alive; what was acknowledged is durable even when the process ends without closing it.
 */
export class Quorate implements AsyncDisposable {
  readonly #host: HostClient;
  readonly #clock: Clock;
  readonly #ready: HostReady;
  readonly #handles = new Set<QuorateDatabase>();
  #closing: Promise<void> | undefined;

  private constructor(host: HostClient, ready: HostReady, clock: Clock) {
    this.#host = host;
    this.#ready = ready;
    this.#clock = clock;
  }

  /**
   * Opens the node of a folder, which is created when absent, and recovers its databases.
   * @throws QuorateError DATABASE_LOCKED when a process has it open already, ADDRESS_IN_USE, INVALID_ARGUMENT, IO_ERROR …
   */
  static async open(options: QuorateOptions): Promise<Quorate> {
    await useApplicationTracer();
    const { clock } = createNodeRuntime();
    const { host, ready } = await HostClient.start(hostOptions(options), options.logger ?? nullLogger);
    return new Quorate(host, ready, clock);
  }

  /** 16 hexadecimal digits, from the first start on. */
  get nodeId(): string {
    return this.#ready.nodeId;
  }

  get nodeName(): string {
    return this.#ready.nodeName;
  }

  /** Where this node listens; undefined when it does not. */
  get address(): { readonly host: string; readonly port: number } | undefined {
    return this.#ready.address;
  }

  /** The password of the user `admin` if this start had to generate one: it is kept nowhere else. */
  get generatedPassword(): string | undefined {
    return this.#ready.generatedPassword;
  }

  /** A handle of a database that exists. @throws QuorateError DATABASE_NOT_FOUND, DATABASE_UNLOADED, or why it failed */
  async database(name: string): Promise<QuorateDatabase> {
    const attachment = await this.#host.request('attach', { name });
    try {
      return this.#handle(attachment);
    } catch (error) {
      attachment.port.close();
      throw error;
    }
  }

  #handle(attachment: Attachment): QuorateDatabase {
    if (this.#closing !== undefined) {
      throw handleClosed(attachment.name);
    }
    const database = new QuorateDatabase({
      attachment,
      host: this.#host,
      clock: this.#clock,
      onClose: (closed) => this.#handles.delete(closed),
    });
    this.#handles.add(database);
    return database;
  }

  /** Makes an empty database and gives a handle of it. @throws QuorateError DATABASE_EXISTS, INVALID_ARGUMENT, OVERLOADED … */
  async createDatabase(name: string): Promise<QuorateDatabase> {
    await this.#host.request('create', { name });
    return await this.database(name);
  }

  /** A handle of a database, which is made when there is none of that name. */
  async openOrCreate(name: string): Promise<QuorateDatabase> {
    await this.#host.request('ensure', { name });
    return await this.database(name);
  }

  /**
   * A handle of a replica of a server's database, which is made when there is none of that name. It follows from now on;
   * reads see what has arrived: `waitFor` waits for more. A replica that followed something else follows this instead.
   * @throws QuorateError WRONG_ROLE when the database is a primary here
   */
  async replica(name: string, upstream: UpstreamOptions): Promise<QuorateDatabase> {
    await this.#host.request('follow', { name, upstream });
    return await this.database(name);
  }

  /**
   * Makes a database from a SQLite file, which stays as it is.
   * @throws QuorateError UNSUPPORTED_STATEMENT for what cannot be replicated, DATABASE_EXISTS, DATABASE_CORRUPT …
   */
  async importDatabase(name: string, sqlitePath: string): Promise<QuorateDatabase> {
    await this.#host.request('import', { name, path: path.resolve(sqlitePath) });
    return await this.database(name);
  }

  /** Changes a database's role or upstream; in force when this resolves. @throws QuorateError INVALID_ARGUMENT … */
  async updateDatabase(name: string, change: DatabaseChange): Promise<void> {
    await this.#host.request('update', { name, change });
  }

  /** Deletes a database with its log, for good. Handles of it fail from then on. @throws QuorateError DATABASE_NOT_FOUND */
  async deleteDatabase(name: string): Promise<void> {
    await this.#host.request('delete', { name });
  }

  /** Every database of the node, by name; `systemdb` holds the users, `defaultdb` is yours. */
  async status(): Promise<readonly DatabaseStatus[]> {
    return await this.#host.request('status', {});
  }

  /** Waits for what was sent to the writers, then closes handles, databases, network and threads. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#handles].map((handle) => handle[Symbol.asyncDispose]()));
    await this.#host.close();
  }
}
