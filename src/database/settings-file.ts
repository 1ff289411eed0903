import path from 'node:path';
import * as v from 'valibot';
import { QuorateError } from '../errors/interface.ts';
import type { Term } from '../log/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { contentName, contentNumber, isContentName } from './content-directory.ts';
import type { DatabaseSettings } from './types.ts';

const fileName = 'settings.json';

const upstreamSchema = v.object({
  host: v.string(),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  database: v.string(),
  username: v.string(),
  password: v.string(),
});

const count = v.pipe(v.number(), v.integer(), v.minValue(1));

const ackSchema = v.object({
  level: v.variant('kind', [
    v.object({ kind: v.literal('async') }),
    v.object({ kind: v.literal('sync'), acks: count }),
    v.object({ kind: v.literal('quorum') }),
    v.object({ kind: v.literal('applied'), acks: count }),
  ]),
  members: v.array(v.string()),
  whenShort: v.picklist(['block', 'degrade']),
  degradeAfterMs: v.pipe(v.number(), v.minValue(0)),
  timeoutMs: v.pipe(v.number(), v.minValue(1)),
});

const term = v.pipe(v.number(), v.integer(), v.minValue(0));

const settingsSchema = v.object({
  content: v.pipe(v.string(), v.check(isContentName, 'no name of a content folder')),
  role: v.picklist(['primary', 'replica']),
  replaceThrough: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  term,
  group: v.optional(v.object({ id: v.pipe(v.string(), v.minLength(1)) })),
  promisedTerm: v.optional(term),
  promisedTo: v.optional(v.string()),
  acks: v.optional(ackSchema),
  replication: v.object({
    enabled: v.boolean(),
    upstream: v.optional(upstreamSchema),
    delayMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    forwardWrites: v.optional(v.boolean()),
    followed: v.optional(v.string()),
  }),
});

/** What the file says. */
export interface StoredSettings {
  readonly settings: DatabaseSettings;
  /** Number of the content folder that counts. */
  readonly content: number;
  /**
   * A person has asked for a new copy: this replica takes nothing but a snapshot, which may lack transactions up to this one.
   * What only this replica had of them is saved.
   */
  readonly replaceThrough?: number | undefined;
  readonly promise?: TermPromise | undefined;
}

/** Nothing of a lower term is acknowledged any more, and nothing of this one but what its candidate sends. */
export interface TermPromise {
  readonly term: Term;
  /** Id of the node that the promise was made to. */
  readonly candidate: string;
}

export function settingsExist(files: FileSystem, directory: string): boolean {
  return files.existsSync(path.join(directory, fileName));
}

/** @throws QuorateError DATABASE_CORRUPT when the file is not what Quorate wrote */
export function readSettings(files: FileSystem, directory: string): StoredSettings {
  const file = path.join(directory, fileName);
  const text = Buffer.from(files.readFileSync(file)).toString('utf8');
  try {
    const {
      content: name,
      replaceThrough,
      promisedTerm,
      promisedTo = '',
      ...settings
    } = v.parse(settingsSchema, JSON.parse(text));
    const promise = promisedTerm === undefined ? undefined : { term: promisedTerm, candidate: promisedTo };
    return { settings, content: contentNumber(name), replaceThrough, promise };
  } catch (cause) {
    throw new QuorateError('DATABASE_CORRUPT', `${file} cannot be read: ${(cause as Error).message}`, {
      cause,
      hint: 'Restore the file from a backup, or correct it by hand; docs/cli.md shows its fields.',
    });
  }
}

/** Atomic, durable, and readable by its owner only, since it may hold the password for the upstream. */
export function writeSettings(files: FileSystem, directory: string, stored: StoredSettings): void {
  const { settings, content, replaceThrough, promise } = stored;
  const state = {
    content: contentName(content),
    replaceThrough,
    promisedTerm: promise?.term,
    promisedTo: promise?.candidate,
  };
  const text = `${JSON.stringify({ ...state, ...settings }, null, 2)}\n`;
  files.writeFileAtomicSync(path.join(directory, fileName), Buffer.from(text), 0o600);
}
