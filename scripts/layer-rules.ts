/** The layers of src/, lowest first. A file imports only from lines above its own, and from its own folder. */
export const layers: readonly (readonly string[])[] = [
  ['errors', 'proto'],
  ['runtime', 'position'],
  ['config'],
  ['log', 'sqlite', 'tls', 'tracing', 'following-client'],
  ['database'],
  ['replication', 'conflict'],
  ['cluster'],
  ['client'],
  ['library', 'server'],
  ['cli', 'demo'],
];

/** Neighbours of one line that may still be used, as `from>to`: an embedded node can also serve. */
export const allowedNeighbours: ReadonlySet<string> = new Set(['library>server']);

/** The one file of a layer that other layers import. */
export const doorFile = 'interface.ts';

/** Modules that only some places import, and why a file elsewhere must not. */
export const guardedModules: readonly GuardedModule[] = [
  { module: 'node:sqlite', allowed: ['src/sqlite/'], remedy: 'use the interface of src/sqlite' },
  {
    module: 'node:worker_threads',
    // The thread that receives a snapshot is behind the network seam of replication, where no simulation comes.
    allowed: [
      'src/database/',
      'src/library/',
      'src/server/',
      'src/replication/snapshot-thread.ts',
      'src/replication/threaded-snapshot.ts',
    ],
    remedy: 'threads belong to database, library and server',
  },
  {
    module: 'node:child_process',
    allowed: ['src/database/', 'src/server/', 'src/cli/', 'src/demo/'],
    remedy: 'processes belong to database, server, cli and demo',
  },
  {
    module: '@opentelemetry/api',
    allowed: ['src/tracing/'],
    remedy: 'use the interface of src/tracing, which loads it where spans are wanted',
  },
];

export interface GuardedModule {
  readonly module: string;
  /** Prefixes of paths. */
  readonly allowed: readonly string[];
  readonly remedy: string;
}

/** Members of globals that Biome cannot ban one by one; allowed in src/runtime, and in programs for people. */
export const guardedMembers = /\b(Math\.random|process\.hrtime|process\.nextTick)\b/;
export const guardedMembersAllowed: readonly string[] = ['src/runtime/', 'src/cli/', 'src/demo/'];

/** Lines of a source file; tests and generated code are exempt. */
export const maxFileLines = 400;
