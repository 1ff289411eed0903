import { type DatabaseSync, type StatementSync, constants as sqlite } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { captureFunctions } from './capture-triggers.ts';
import { isInternalName } from './internal-names.ts';
import { pragmaRefusal } from './pragma-rules.ts';
import type { SchemaSnapshot } from './table-catalogue.ts';
import { identifierOf, tokenize } from './tokenizer.ts';

/** What SQLite said about a statement while preparing it. */
export interface StatementEffects {
  /** Names of the tables of main whose rows it may change, through triggers too. */
  readonly writtenTables: ReadonlySet<string>;
  /** Names of the tables of main that it may insert into. */
  readonly insertedTables: ReadonlySet<string>;
  /** Names of the tables that a schema change touches, whose capture triggers must go first. */
  readonly alteredTables: ReadonlySet<string>;
  /** The table that `CREATE TABLE` makes. */
  readonly createdTable: string | undefined;
  /** The table that `CREATE TABLE … AS SELECT` makes. */
  readonly tableFromSelect: string | undefined;
  readonly changesSchema: boolean;
  readonly changesTempSchema: boolean;
}

class Recording {
  readonly writtenTables = new Set<string>();
  readonly insertedTables = new Set<string>();
  readonly alteredTables = new Set<string>();
  createdTable: string | undefined;
  selects = false;
  changesSchema = false;
  changesTempSchema = false;
  /** Dropping a table drops its capture triggers; dropping one by name is refused. */
  droppedCaptureTrigger: string | undefined;
  /** Connecting a virtual table prepares writes to its shadow tables, which is no fault of the statement. */
  writtenShadowTable: string | undefined;
  refusal: QuorateError | undefined;

  get tableFromSelect(): string | undefined {
    return this.selects ? this.createdTable : undefined;
  }
}

interface Action {
  readonly code: number;
  readonly first: string | null;
  readonly second: string | null;
  readonly schema: string | null;
  readonly trigger: string | null;
}

const allowedModules = new Set(['fts3', 'fts4', 'fts5', 'fts5vocab', 'fts4aux', 'rtree', 'rtree_i32', 'geopoly']);

const schemaCodes = new Set<number>([
  sqlite.SQLITE_CREATE_INDEX,
  sqlite.SQLITE_CREATE_TABLE,
  sqlite.SQLITE_CREATE_TRIGGER,
  sqlite.SQLITE_CREATE_VIEW,
  sqlite.SQLITE_CREATE_VTABLE,
  sqlite.SQLITE_DROP_INDEX,
  sqlite.SQLITE_DROP_TABLE,
  sqlite.SQLITE_DROP_TRIGGER,
  sqlite.SQLITE_DROP_VIEW,
  sqlite.SQLITE_DROP_VTABLE,
  sqlite.SQLITE_ALTER_TABLE,
]);

const tempSchemaCodes = new Set<number>([
  sqlite.SQLITE_CREATE_TEMP_INDEX,
  sqlite.SQLITE_CREATE_TEMP_TABLE,
  sqlite.SQLITE_CREATE_TEMP_TRIGGER,
  sqlite.SQLITE_CREATE_TEMP_VIEW,
  sqlite.SQLITE_DROP_TEMP_INDEX,
  sqlite.SQLITE_DROP_TEMP_TABLE,
  sqlite.SQLITE_DROP_TEMP_VIEW,
]);

/** Schema changes whose second name is the table that they are made to. */
const attachingCodes = new Set<number>([
  sqlite.SQLITE_CREATE_INDEX,
  sqlite.SQLITE_CREATE_TRIGGER,
  sqlite.SQLITE_ALTER_TABLE,
]);

const rowCodes = new Set<number>([sqlite.SQLITE_INSERT, sqlite.SQLITE_UPDATE, sqlite.SQLITE_DELETE]);

function unsupported(message: string, hint: string): QuorateError {
  return new QuorateError('UNSUPPORTED_STATEMENT', message, { hint });
}

/**
 * Watches over the preparation of client statements: records what they will do, and refuses what cannot be
 * replicated before SQLite acts on it (some pragmas act while they are prepared).
 *
 * The callback stays set all the time and does nothing outside `prepare`: setting it makes SQLite prepare every
 * cached statement again, which costs ten times more.
 */
export class StatementAuthorizer {
  readonly #db: DatabaseSync;
  readonly #schema: () => SchemaSnapshot;
  #recording: Recording | undefined;

  constructor(db: DatabaseSync, schema: () => SchemaSnapshot) {
    this.#db = db;
    this.#schema = schema;
    db.setAuthorizer((code, first, second, schemaName, trigger) =>
      this.#recording === undefined
        ? sqlite.SQLITE_OK
        : this.#record(this.#recording, { code, first, second, schema: schemaName, trigger }),
    );
  }

  /** Prepares a statement. @throws QuorateError UNSUPPORTED_STATEMENT, or what SQLite throws */
  prepare(sql: string): { statement: StatementSync; effects: StatementEffects } {
    const recording = new Recording();
    this.#recording = recording;
    try {
      const statement = this.#db.prepare(sql);
      recording.refusal = lateRefusal(sql, recording);
      if (recording.refusal !== undefined) {
        throw recording.refusal;
      }
      return { statement, effects: recording };
    } catch (error) {
      throw recording.refusal ?? error;
    } finally {
      this.#recording = undefined;
    }
  }

  #record(recording: Recording, action: Action): number {
    if (action.trigger !== null && isInternalName(action.trigger)) {
      return sqlite.SQLITE_OK;
    }
    const refusal = this.#refusal(action) ?? this.#shadowRefusal(action);
    if (refusal !== undefined) {
      recording.refusal ??= refusal;
      return sqlite.SQLITE_DENY;
    }
    this.#note(recording, action);
    return sqlite.SQLITE_OK;
  }

  /** A virtual table writes to its shadow tables with statements of its own, which no trigger or view stands behind. */
  #shadowRefusal({ code, first, second, schema, trigger }: Action): QuorateError | undefined {
    const writes = rowCodes.has(code) && trigger !== null && schema === 'main';
    const table = writes ? first : attachingCodes.has(code) ? second : null;
    return table !== null && this.#schema().tables.get(table)?.kind === 'shadow' ? shadowRefusal(table) : undefined;
  }

  #note(recording: Recording, { code, first, second, schema }: Action): void {
    if (schemaCodes.has(code)) {
      recording.changesSchema = true;
      this.#noteSchemaChange(recording, code, first, second);
    } else if (code === sqlite.SQLITE_DROP_TEMP_TRIGGER) {
      recording.droppedCaptureTrigger = first as string;
    } else if (tempSchemaCodes.has(code)) {
      recording.changesTempSchema = true;
    } else if (rowCodes.has(code) && schema === 'main') {
      if (this.#schema().tables.get(first as string)?.kind === 'shadow') {
        recording.writtenShadowTable ??= first as string;
      }
      recording.writtenTables.add(first as string);
      if (code === sqlite.SQLITE_INSERT) {
        recording.insertedTables.add(first as string);
      }
    } else if (code === sqlite.SQLITE_SELECT) {
      recording.selects = true;
    }
  }

  #noteSchemaChange(recording: Recording, code: number, first: string | null, second: string | null): void {
    if (code === sqlite.SQLITE_CREATE_TABLE) {
      recording.createdTable = first as string;
    } else if (code === sqlite.SQLITE_DROP_TABLE) {
      recording.alteredTables.add(first as string);
    } else if (code === sqlite.SQLITE_ALTER_TABLE) {
      recording.alteredTables.add(second as string);
    }
  }

  #refusal({ code, first, second, schema }: Action): QuorateError | undefined {
    switch (code) {
      case sqlite.SQLITE_PRAGMA:
        return pragmaRefusal({ name: (first as string).toLowerCase(), argument: second });
      case sqlite.SQLITE_ATTACH:
      case sqlite.SQLITE_DETACH:
        return unsupported('ATTACH and DETACH are not allowed', 'Open the other database on its own, or import it.');
      case sqlite.SQLITE_CREATE_TEMP_TRIGGER:
        return unsupported(
          'TEMP triggers are not allowed',
          'Create the trigger in the schema, where it is replicated.',
        );
      case sqlite.SQLITE_CREATE_VTABLE:
        return moduleRefusal(second as string) ?? internalRefusal(first as string) ?? tempRefusal(schema);
      case sqlite.SQLITE_FUNCTION:
      case sqlite.SQLITE_READ:
        return readRefusal(code, first, second);
      case sqlite.SQLITE_SELECT:
      case sqlite.SQLITE_TRANSACTION:
      case sqlite.SQLITE_ANALYZE:
      case sqlite.SQLITE_REINDEX:
      case sqlite.SQLITE_DROP_TEMP_TRIGGER:
        return undefined;
      case sqlite.SQLITE_ALTER_TABLE:
        return internalRefusal(second as string);
      case sqlite.SQLITE_CREATE_TRIGGER:
      case sqlite.SQLITE_CREATE_INDEX:
        return internalRefusal(first as string) ?? internalRefusal(second as string);
      default:
        return internalRefusal(first ?? '');
    }
  }
}

function shadowRefusal(table: string): QuorateError {
  return unsupported(`the table ${table} belongs to a virtual table`, 'Use the virtual table itself.');
}

function tempRefusal(schema: string | null): QuorateError | undefined {
  return schema === 'temp'
    ? unsupported('TEMP virtual tables are not allowed', 'Make it an ordinary virtual table, and drop it afterwards.')
    : undefined;
}

/** What only the whole recording shows. */
function lateRefusal(sql: string, recording: Recording): QuorateError | undefined {
  const { droppedCaptureTrigger, writtenShadowTable, alteredTables } = recording;
  if (droppedCaptureTrigger !== undefined && alteredTables.size === 0) {
    return internalRefusal(droppedCaptureTrigger);
  }
  return writtenShadowTable !== undefined && names(sql, writtenShadowTable)
    ? shadowRefusal(writtenShadowTable)
    : undefined;
}

/** Whether a statement has the name of a table in it, in whatever quotes. */
function names(sql: string, table: string): boolean {
  const name = table.toLowerCase();
  return tokenize(sql).some((token) => identifierOf(sql, token).toLowerCase() === name);
}

/** Why a name is refused, or undefined if it is not. */
export function internalRefusal(name: string): QuorateError | undefined {
  return isInternalName(name)
    ? unsupported(`the name ${name} is reserved`, 'Names that start with _quorate_ belong to Quorate; use another one.')
    : undefined;
}

/** Why reading a table or calling a function is refused, or undefined if it is not; with what SQLite tells an authorizer. */
export function readRefusal(code: number, first: string | null, second: string | null): QuorateError | undefined {
  switch (code) {
    case sqlite.SQLITE_READ:
      return internalRefusal(first ?? '');
    case sqlite.SQLITE_FUNCTION:
      return functionRefusal(second ?? '');
    default:
      return undefined;
  }
}

/** Why virtual tables of a module are refused, or undefined if they are not. */
export function moduleRefusal(module: string): QuorateError | undefined {
  return allowedModules.has(module.toLowerCase())
    ? undefined
    : unsupported(
        `virtual tables of the module ${module} cannot be replicated`,
        `Use one of ${[...allowedModules].join(', ')}.`,
      );
}

function functionRefusal(name: string): QuorateError | undefined {
  if (captureFunctions.has(name)) {
    return internalRefusal(name);
  }
  return name === 'load_extension'
    ? unsupported('load_extension is not allowed', 'Replicas could not follow what an extension does.')
    : undefined;
}
