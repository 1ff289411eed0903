import type { OptionValues, securityOptions } from '../../config/interface.ts';
import type { Database } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import { AuditLog } from '../audit/audit-log.ts';
import type { NodeIdentity } from '../node/node-directory.ts';
import type { Authenticator, Login } from './authenticator.ts';
import { ClusterUsers } from './cluster-user.ts';
import { PasswordAuthenticator } from './password-authenticator.ts';
import type { Grant } from './permissions.ts';
import { StreamWatch } from './stream-watch.ts';
import { TokenKeys } from './token-keys.ts';
import { TokenRegistry } from './token-registry.ts';
import { adminUser, UserAdministration } from './user-administration.ts';
import { UserDirectory } from './user-directory.ts';

/** Milliseconds of the shortest life of a token. */
const minTokenTtlMs = 1_000;

/** Permissions in the scope of a token, which travels with each request. */
const maxScope = 32;

export type SecurityLimits = OptionValues<typeof securityOptions>;

export interface SecurityOptions {
  readonly runtime: Runtime;
  readonly node: NodeIdentity;
  readonly limits: SecurityLimits;
  /** What the nodes of a cluster know each other by; without it there are no others. */
  readonly clusterSecret?: string | undefined;
  readonly keyPath: string;
  readonly auditPath: string;
  /** The system database; undefined while it is not open. */
  readonly systemDatabase: () => Database | undefined;
}

/** Users, their tokens, and the record of what they have administered, of one node. */
export class Security implements Disposable {
  readonly authenticator: Authenticator & Pick<PasswordAuthenticator, 'checkPassword' | 'usage'>;
  readonly users: UserAdministration;
  readonly audit: AuditLog;
  readonly streams: StreamWatch;
  readonly limits: SecurityLimits;
  readonly #options: SecurityOptions;
  readonly #directory: UserDirectory;
  readonly #keys: TokenKeys;
  readonly #tokens: TokenRegistry;

  private constructor(options: SecurityOptions, keys: TokenKeys, audit: AuditLog) {
    const { runtime, limits, node } = options;
    this.#options = options;
    this.limits = limits;
    this.#keys = keys;
    this.audit = audit;
    this.#directory = new UserDirectory(options.systemDatabase);
    this.streams = new StreamWatch(runtime.timers);
    const users = new ClusterUsers(this.#directory, options.clusterSecret);
    this.#tokens = new TokenRegistry({
      ...{ keys, users, clock: runtime.clock },
      ...{ nodeId: node.nodeId, maxTtlMs: limits.maxTokenTtlMs },
    });
    this.authenticator = new PasswordAuthenticator({
      users,
      tokens: this.#tokens,
      runtime,
      tokenTtlMs: Math.min(limits.tokenTtlMs, limits.maxTokenTtlMs),
    });
    this.users = new UserAdministration({
      users: this.#directory,
      runtime,
      database: () => this.#writable(),
      ...limits,
    });
  }

  /** @throws QuorateError INVALID_ARGUMENT, IO_ERROR, DISK_FULL */
  static open(options: SecurityOptions): Security {
    const { runtime, node, limits, keyPath, auditPath } = options;
    const keys = TokenKeys.open(keyPath, runtime);
    const { auditFileBytes: maxFileBytes, auditFiles: maxFiles } = limits;
    return new Security(options, keys, AuditLog.open({ directory: auditPath, runtime, node, maxFileBytes, maxFiles }));
  }

  /** Makes a primary of `systemdb` ready: its administrator, and the key of this node. Returns a password that it made. */
  async start(adminPassword: string | undefined): Promise<string | undefined> {
    const database = this.#options.systemDatabase();
    if (database === undefined) {
      return undefined;
    }
    if (database.settings.role !== 'primary') {
      if (adminPassword !== undefined) {
        const { logger } = this.#options.runtime;
        logger.warn({}, 'the admin password was ignored: the users of this server come from its upstream');
      }
      return undefined;
    }
    const action = { action: 'server.start', user: '', address: '', request: { user: adminUser, adminPassword } };
    return await this.audit.run(action, async () => {
      const generated = await this.users.ensureAdmin(adminPassword);
      await this.publishKeys();
      return generated;
    });
  }

  /** How many there are of what is limited; 0 while the users are not known. */
  counts(): { readonly users: number; readonly revokedTokens: number } {
    try {
      const { users, revokedTokens } = this.#directory.current();
      return { users: users.size, revokedTokens: revokedTokens.size };
    } catch {
      // Whoever logs in is told why.
      return { users: 0, revokedTokens: 0 };
    }
  }

  /** A token for a user. @param ttlMs 0 for that of a login @throws QuorateError USER_NOT_FOUND, INVALID_ARGUMENT */
  createToken(user: string, ttlMs: number, scope: readonly Grant[]): Login {
    const { tokenTtlMs, maxTokenTtlMs } = this.limits;
    if (ttlMs > maxTokenTtlMs || (ttlMs > 0 && ttlMs < minTokenTtlMs)) {
      throw new QuorateError('INVALID_ARGUMENT', `a token is valid from ${minTokenTtlMs} to ${maxTokenTtlMs} ms`, {
        hint: 'See the option max-token-ttl of the server.',
      });
    }
    if (scope.length > maxScope) {
      throw new QuorateError('INVALID_ARGUMENT', `a token has at most ${maxScope} permissions in its scope`);
    }
    const holder = this.users.require(user);
    return this.#tokens.issue(
      holder,
      ttlMs || Math.min(tokenTtlMs, maxTokenTtlMs),
      scope.length === 0 ? undefined : scope,
    );
  }

  /** Another database of the name of one that is no more begins without any grants, where this node may say so. */
  async forgetDatabase(name: string): Promise<void> {
    if (this.#options.systemDatabase()?.settings.role === 'primary') {
      await this.users.forgetDatabase(name);
    }
  }

  /** Ends one token wherever this `systemdb` is. @throws QuorateError READ_ONLY_REPLICA, OVERLOADED */
  async revokeToken(id: string): Promise<void> {
    const { runtime } = this.#options;
    await this.users.revokeToken(id, runtime.clock.nowMs() + this.limits.maxTokenTtlMs);
    this.streams.checkAll();
  }

  /**
   * Signs with a new key from now on. The tokens of earlier keys live on until they expire, unless all are to end: then on
   * the primary of `systemdb` also those of other nodes. Returns the id of the new key.
   */
  async rotateKeys(revokeOld: boolean): Promise<string> {
    this.#keys.rotate(revokeOld ? 0 : this.limits.maxTokenTtlMs);
    await this.publishKeys(revokeOld ? 'remove' : 'keep');
    return this.#keys.signing.id;
  }

  /** Lets others verify the tokens of this node, where it may write to `systemdb`. */
  async publishKeys(others: 'keep' | 'remove' = 'keep'): Promise<void> {
    const database = this.#options.systemDatabase();
    if (database?.settings.role !== 'primary') {
      return;
    }
    const published = this.#directory.current().keys;
    const { valid } = this.#keys;
    const isKnown = valid.every(({ id, validUntilMs }) => published.get(id)?.validUntilMs === validUntilMs);
    if (!isKnown || others === 'remove') {
      await this.users.publishKeys(this.#options.node.nodeId, valid, others);
    }
  }

  /** @throws QuorateError READ_ONLY_REPLICA, UNAVAILABLE */
  #writable(): Database {
    const database = this.#options.systemDatabase();
    if (database === undefined) {
      throw new QuorateError('UNAVAILABLE', 'this server is starting, or its systemdb is not open', {
        hint: 'Try again in a moment; see the log of the server.',
      });
    }
    const { role, replication } = database.settings;
    if (role !== 'primary') {
      const { host = '', port = 0 } = replication.upstream ?? {};
      throw new QuorateError('READ_ONLY_REPLICA', `the users of this server come from ${host}:${port}`, {
        hint: `Change them there: quorate --host ${host} --port ${port} …`,
        details: { primaryHost: host, primaryPort: port },
      });
    }
    return database;
  }

  [Symbol.dispose](): void {
    this.streams[Symbol.dispose]();
    this.audit[Symbol.dispose]();
  }
}
