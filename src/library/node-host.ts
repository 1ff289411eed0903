import { defaultPort } from '../config/interface.ts';
import { type Database, encodePosition } from '../database/interface.ts';
import { assertInvariant, QuorateError } from '../errors/interface.ts';
import {
  type FollowRequest,
  followsNobody,
  type ManagedDatabase,
  type Node,
  readAt,
  refuseSystemDatabase,
} from '../server/interface.ts';
import { openDatabaseStatus } from './database-status.ts';
import type { HostCall, HostCalls } from './host-messages.ts';
import type { DatabaseStatus, UpstreamOptions } from './types.ts';

type Handlers = { [K in HostCall]: (request: HostCalls[K]['request']) => Promise<HostCalls[K]['answer']> };

/** Answers what the application's thread asks of a node. */
export class NodeHost {
  readonly #node: Node;
  readonly #close: () => Promise<void>;
  readonly #handlers: Handlers;

  /** @param close ends the node and its network */
  constructor(node: Node, close: () => Promise<void>) {
    this.#node = node;
    this.#close = close;
    this.#handlers = {
      attach: ({ name }) => this.#attach(name),
      create: ({ name, upstream }) => this.#create(name, upstream),
      ensure: ({ name }) => this.#ensure(name),
      follow: ({ name, upstream }) => this.#follow(name, upstream),
      update: (request) => this.#update(request),
      delete: ({ name }) => this.#node.databases.delete(name).then(() => undefined),
      status: ({ name }) => Promise.resolve(this.#status(name)),
      import: ({ name, path }) => this.#import(name, path),
      export: ({ name, path }) => this.#export(name, path),
      digest: ({ name }) => this.#digest(name),
      query: (request) => this.#query(request),
      close: () => this.#close().then(() => undefined),
    };
  }

  handle<K extends HostCall>(kind: K, request: HostCalls[K]['request']): Promise<HostCalls[K]['answer']> {
    return this.#handlers[kind](request);
  }

  /** The database, after a start that may be going on. */
  async #require(name: string): Promise<Database> {
    refuseSystemDatabase(name);
    const managed = this.#node.databases.get(name);
    if (managed.state === 'opening' || managed.state === 'importing') {
      await managed.open();
    }
    return managed.require();
  }

  async #attach(name: string): Promise<HostCalls['attach']['answer']> {
    const database = await this.#require(name);
    const { writerQueueLimit, writerQueueBytes } = this.#node.options.databaseLimits;
    return {
      name,
      directory: database.directory,
      port: await database.connectWriter(),
      limits: { writerQueueLimit, writerQueueBytes },
      positions: database.sharedPositions,
    };
  }

  async #create(name: string, upstream: UpstreamOptions | undefined): Promise<undefined> {
    await this.#node.databases.create(name, upstream === undefined ? followsNobody : followRequest(name, upstream));
    return undefined;
  }

  async #ensure(name: string): Promise<undefined> {
    return this.#node.databases.has(name) ? undefined : await this.#create(name, undefined);
  }

  /** Makes the database a replica of `upstream`, unless it is one already. A primary is never demoted by this. */
  async #follow(name: string, upstream: UpstreamOptions): Promise<undefined> {
    if (!this.#node.databases.has(name)) {
      return await this.#create(name, upstream);
    }
    const { role, replication } = (await this.#require(name)).settings;
    if (role === 'primary') {
      throw new QuorateError('WRONG_ROLE', `database ${name} is a primary on this node and follows nobody`, {
        hint: 'Choose another name for the replica, or change the role with updateDatabase.',
      });
    }
    const wanted = followRequest(name, upstream);
    const current = replication.upstream;
    const keys = ['host', 'port', 'database', 'username', 'password'] as const;
    if (!replication.enabled || current === undefined || keys.some((key) => current[key] !== wanted[key])) {
      await this.#update({ name, change: { role: 'replica', replicationEnabled: true, upstream } });
    }
    return undefined;
  }

  async #update({ name, change }: HostCalls['update']['request']): Promise<undefined> {
    const { role, replicationEnabled, upstream } = change;
    const follow = upstream === undefined ? undefined : followRequest(name, upstream);
    await this.#node.databases.update({
      database: name,
      role,
      replicationEnabled,
      primaryHost: follow?.host,
      primaryPort: follow?.port,
      primaryDatabase: follow?.database,
      primaryUsername: follow?.username,
      primaryPassword: follow?.password,
    });
    return undefined;
  }

  #status(name: string | undefined): DatabaseStatus[] {
    const { databases } = this.#node;
    const wanted = name === undefined ? databases.list() : [databases.get(name)];
    return wanted.map(statusOf);
  }

  async #import(name: string, path: string): Promise<undefined> {
    await this.#node.databases.import(name, followsNobody, path);
    return undefined;
  }

  async #export(name: string, path: string): Promise<string> {
    return encodePosition(await (await this.#require(name)).exportTo(path));
  }

  async #digest(name: string): Promise<HostCalls['digest']['answer']> {
    const database = await this.#require(name);
    const { txId, digest } = await database.digest();
    const position = encodePosition({ term: database.positions().term, txId });
    return { position, digest: Buffer.from(digest).toString('hex') };
  }

  async #query({ name, statement, bigint, timeoutMs, consistency }: HostCalls['query']['request']) {
    const database = await this.#require(name);
    const { queryTimeoutMs, maxResultBytes, maxValueBytes } = this.#node.options.databaseLimits;
    const options = { bigint, timeoutMs: timeoutMs ?? queryTimeoutMs, maxBytes: maxResultBytes, maxValueBytes };
    const { results } = await readAt(this.#node, name, consistency, () =>
      this.#node.readers.query(database.filePath, [statement], options),
    );
    const [result] = results;
    assertInvariant(result !== undefined, 'a query of one statement has one result');
    return result;
  }
}

function followRequest(name: string, upstream: UpstreamOptions): FollowRequest {
  const { host, port = defaultPort, database = name, username, password } = upstream;
  return { role: 'replica', enabled: true, host, port, database, username, password };
}

function statusOf(managed: ManagedDatabase): DatabaseStatus {
  const { name, state, opened, failure } = managed;
  return {
    name,
    state,
    open: opened === undefined ? undefined : openDatabaseStatus(managed, opened),
    failure: failure && { code: failure.code, message: failure.message, hint: failure.hint },
  };
}
