import { quoteIdentifier } from '../../sqlite/interface.ts';

/** Tables and views by name, with their columns. */
export type SchemaNames = ReadonlyMap<string, readonly string[]>;

/** What can be completed at one moment. */
export interface CompletionSource {
  /** Commands of the shell with the words that may follow them. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly schema: SchemaNames;
}

const keywords =
  'ABORT ADD ALL ALTER ANALYZE AND AS ASC AUTOINCREMENT BEGIN BETWEEN BY CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DEFAULT DEFERRABLE DEFERRED DELETE DESC DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT EXISTS EXPLAIN FAIL FILTER FOR FOREIGN FROM FULL GENERATED GLOB GROUP HAVING IF IGNORE IMMEDIATE IN INDEX INNER INSERT INTERSECT INTO IS ISNULL JOIN KEY LEFT LIKE LIMIT MATERIALIZED NATURAL NOT NOTHING NOTNULL NULL NULLS OFFSET ON OR ORDER OUTER OVER PARTITION PLAN PRAGMA PRIMARY QUERY RAISE RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP THEN TO TRANSACTION TRIGGER UNION UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT'.split(
    ' ',
  );

/** Words after which only a table makes sense. */
const beforeTable = /\b(?:from|join|into|update|table)\s+$/i;

const lastWord = /[\p{L}\p{N}_$]*$/u;
const plainName = /^[a-z_][a-z0-9_$]*$/i;

/** What may stand in place of the last word of a line, and that word, as `readline` asks for it. */
export function complete(line: string, { commands, schema }: CompletionSource): [string[], string] {
  if (line.startsWith('.')) {
    return completeCommand(line, commands);
  }
  const word = lastWord.exec(line)?.[0] ?? '';
  const before = line.slice(0, line.length - word.length);
  const owner = /([\p{L}\p{N}_$]+)\.$/u.exec(before)?.[1];
  if (owner !== undefined) {
    return [matching(columnsOf(schema, owner), word), word];
  }
  const tables = [...schema.keys()];
  if (beforeTable.test(before)) {
    return [matching(tables, word), word];
  }
  const names = matching([...tables, ...[...schema.values()].flat()], word);
  return [[...names, ...matchingKeywords(word)], word];
}

function completeCommand(line: string, commands: ReadonlyMap<string, readonly string[]>): [string[], string] {
  const [, command = '', argument] = /^(\S+)(?:\s+(\S*))?$/.exec(line) ?? [];
  return argument === undefined
    ? [startingWith([...commands.keys()], command), command]
    : [startingWith(commands.get(command) ?? [], argument), argument];
}

/** Of the table, or of all tables when it is none, such as an alias. */
function columnsOf(schema: SchemaNames, owner: string): string[] {
  const table = [...schema].find(([name]) => name.toLowerCase() === owner.toLowerCase());
  return table === undefined ? [...schema.values()].flat() : [...table[1]];
}

function matching(names: readonly string[], word: string): string[] {
  return startingWith(names, word).map((name) => (plainName.test(name) ? name : quoteIdentifier(name)));
}

/** In the case in which the word was begun. */
function matchingKeywords(word: string): string[] {
  if (word === '') {
    return [];
  }
  const found = startingWith(keywords, word);
  return word === word.toLowerCase() ? found.map((keyword) => keyword.toLowerCase()) : found;
}

function startingWith(names: readonly string[], start: string): string[] {
  const lower = start.toLowerCase();
  return [...new Set(names.filter((name) => name.toLowerCase().startsWith(lower)))].sort();
}
