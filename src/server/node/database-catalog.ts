import type { Database, DatabaseSettings } from '../../database/interface.ts';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import type { UpdateDatabaseRequest } from '../../proto/interface.ts';
import { systemDatabaseName } from '../auth/permissions.ts';
import { changedSettings, checkDatabaseName, newSettings } from './follow-settings.ts';
import { checkLocalLoop } from './local-loop.ts';
import { ManagedDatabase } from './managed-database.ts';
import type { FollowRequest } from './node-options.ts';
import type { NodeServices } from './node-services.ts';

export const defaultDatabaseName = 'defaultdb';

/** Databases that every node has. */
export const builtInDatabases: ReadonlySet<string> = new Set([systemDatabaseName, defaultDatabaseName]);

/** Databases that are opened at the same time at the start of a node; opening one costs a core while it recovers. */
const openAtOnce = 4;

/** The databases of a node, by name. */
export class DatabaseCatalog {
  readonly #services: NodeServices;
  readonly #databases = new Map<string, ManagedDatabase>();

  constructor(services: NodeServices) {
    this.#services = services;
    for (const name of services.directory.databaseNames()) {
      const state = services.directory.isUnloaded(name) ? 'unloaded' : 'opening';
      this.#databases.set(name, new ManagedDatabase(name, services, state));
    }
  }

  /** All databases in the order of their names. */
  list(): ManagedDatabase[] {
    return [...this.#databases.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws QuorateError DATABASE_NOT_FOUND */
  get(name: string): ManagedDatabase {
    const database = this.#databases.get(name);
    if (database === undefined) {
      throw new QuorateError('DATABASE_NOT_FOUND', `there is no database ${JSON.stringify(name)} on this server`, {
        hint: 'List the databases with: quorate database list',
      });
    }
    return database;
  }

  find(name: string): ManagedDatabase | undefined {
    return this.#databases.get(name);
  }

  has(name: string): boolean {
    return this.#databases.has(name);
  }

  /** The open database of that name. @throws QuorateError DATABASE_NOT_FOUND, DATABASE_UNLOADED, UNAVAILABLE … */
  require(name: string): Database {
    return this.get(name).require();
  }

  /** Opens whatever is not unloaded; resolves when each is open or has failed. @throws QuorateError CANCELLED */
  async openAll(): Promise<void> {
    const { signal } = this.#services;
    const waiting = this.list().filter((database) => database.state === 'opening');
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined && !signal?.aborted; next = waiting.shift()) {
        await next.open();
      }
    };
    await Promise.all(Array.from({ length: openAtOnce }, work));
    if (signal?.aborted) {
      throw new QuorateError('CANCELLED', 'the server was told to stop while it started');
    }
  }

  /** @throws QuorateError DATABASE_EXISTS, INVALID_ARGUMENT, OVERLOADED when there are as many as may be */
  async create(name: string, request: FollowRequest): Promise<ManagedDatabase> {
    const settings = this.#checked(name, newSettings(name, request, this.#services.address()));
    return await this.#add(name, 'opening', (database) => database.create(settings));
  }

  /** Makes a database from a SQLite file on this machine, which stays as it is. */
  async import(name: string, request: FollowRequest, sqlitePath: string): Promise<ManagedDatabase> {
    const settings = newSettings(name, request, this.#services.address());
    if (settings.role !== 'primary') {
      throw new QuorateError('INVALID_ARGUMENT', 'a file can be imported into a primary only', {
        hint: 'Leave out the replication flags; a replica receives its content from its primary.',
      });
    }
    return await this.#add(name, 'importing', (database) => database.createFrom(sqlitePath, settings));
  }

  /** Refuses a name before a large file is received for it. @throws QuorateError as `create` does */
  checkNew(name: string): void {
    checkDatabaseName(name);
    if (this.#databases.has(name)) {
      throw new QuorateError('DATABASE_EXISTS', `database ${name} exists already`);
    }
    const { maxDatabases } = this.#services.options.limits;
    if (this.#databases.size >= maxDatabases) {
      throw new QuorateError('OVERLOADED', `this server has ${maxDatabases} databases, as many as it may`, {
        hint: 'Delete one, or raise max-databases.',
      });
    }
  }

  async #add(
    name: string,
    state: 'opening' | 'importing',
    make: (database: ManagedDatabase) => Promise<void>,
  ): Promise<ManagedDatabase> {
    this.checkNew(name);
    const database = new ManagedDatabase(name, this.#services, state);
    this.#databases.set(name, database);
    try {
      await make(database);
      return database;
    } catch (error) {
      this.#databases.delete(name);
      this.#services.directory.discardDatabase(name);
      throw asQuorateError(error);
    }
  }

  async update(request: UpdateDatabaseRequest): Promise<ManagedDatabase> {
    this.#refuseForGroup(request.database, 'changed', `quorate group update ${request.database}`);
    return await this.change(request.database, (name, current) =>
      changedSettings(name, current, request, this.#services.address()),
    );
  }

  /** Changes the settings of a database. @throws QuorateError REPLICATION_LOOP, DATABASE_NOT_FOUND, DATABASE_UNLOADED … */
  async change(
    name: string,
    change: (name: string, current: DatabaseSettings) => DatabaseSettings,
  ): Promise<ManagedDatabase> {
    const database = this.get(name);
    await database.update((current) => this.#checked(name, change(name, current)));
    return database;
  }

  /** @throws QuorateError WRONG_ROLE for a database whose role and upstream are the business of its group */
  #refuseForGroup(name: string, what: string, remedy: string): void {
    if (this.get(name).settings?.group !== undefined) {
      throw new QuorateError('WRONG_ROLE', `${name} belongs to a group, so it cannot be ${what} alone`, {
        hint: `Use: ${remedy}`,
      });
    }
  }

  #checked(name: string, settings: DatabaseSettings): DatabaseSettings {
    checkLocalLoop(name, settings, (other) => this.#databases.get(other)?.settings, this.#services.address());
    return settings;
  }

  async load(name: string): Promise<ManagedDatabase> {
    const database = this.get(name);
    await database.open(() => this.#services.directory.setUnloaded(name, false));
    database.require();
    return database;
  }

  async unload(name: string): Promise<ManagedDatabase> {
    const database = this.get(name);
    if (name === systemDatabaseName) {
      throw new QuorateError('INVALID_ARGUMENT', `${name} holds the users of this server and stays loaded`);
    }
    await database.close('unloaded', () => this.#services.directory.setUnloaded(name, true));
    return database;
  }

  /** @param check throws when the database, which nobody can change meanwhile, is not to be deleted after all */
  async delete(name: string, check: (database: ManagedDatabase) => void = () => {}): Promise<void> {
    const database = this.get(name);
    if (builtInDatabases.has(name)) {
      throw new QuorateError('INVALID_ARGUMENT', `${name} belongs to every server and cannot be deleted`);
    }
    this.#refuseForGroup(name, 'deleted', `quorate group leave ${name}`);
    const remove = () => {
      this.#services.directory.deleteDatabase(name);
      this.#databases.delete(name);
      database.leave();
    };
    await database.close('unloaded', remove, () => check(database));
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.list().map((database) => database.close('unloaded')));
  }
}
