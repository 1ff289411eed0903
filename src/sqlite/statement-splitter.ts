import { nextToken, type Token } from './tokenizer.ts';

/** EXPLAIN QUERY PLAN CREATE TEMP TRIGGER: no statement says later than this that it makes a trigger. */
const headWords = 6;

/**
 * Follows the words of one statement and tells whether a semicolon ends it: inside the body of a trigger
 * (`CREATE TRIGGER … BEGIN … END`) it does not. CASE … END nests inside that body.
 */
class StatementBoundary {
  #words = 0;
  #creates = false;
  #isTrigger = false;
  #depth = 0;

  get insideBody(): boolean {
    return this.#depth > 0;
  }

  see(token: Token): void {
    this.#words++;
    if (token.kind !== 'word') {
      return;
    }
    if (this.#words <= headWords) {
      this.#seeHead(token.text);
    }
    if (this.#isTrigger) {
      this.#seeTriggerWord(token.text);
    }
  }

  #seeHead(text: string): void {
    if (text === 'CREATE') {
      this.#creates = true;
    } else if (text === 'TRIGGER' && this.#creates) {
      this.#isTrigger = true;
    } else if (text !== 'TEMP' && text !== 'TEMPORARY' && text !== 'EXPLAIN' && text !== 'QUERY' && text !== 'PLAN') {
      this.#creates = false;
    }
  }

  #seeTriggerWord(text: string): void {
    if (text === 'BEGIN' && this.#depth === 0) {
      this.#depth = 1;
    } else if (text === 'CASE' && this.#depth > 0) {
      this.#depth++;
    } else if (text === 'END' && this.#depth > 0) {
      this.#depth--;
    }
  }
}

/** A text that may go on, such as one that is being typed. */
export interface SplitScript {
  /** Those that a semicolon ends, without it and the blanks around them. */
  readonly statements: readonly string[];
  /** Everything behind the last of them: a statement that goes on, blanks, comments. */
  readonly rest: string;
}

/** Finds the statements of a text that are complete. Empty statements and comments that stand alone are left out. */
export function splitScript(sql: string): SplitScript {
  const { statements, restStart } = scan(sql);
  return { statements, rest: sql.slice(restStart) };
}

/**
 * Splits a whole text into its statements, without their semicolons and the blanks around them. Empty statements and
 * comments that stand alone are left out; the last statement needs no semicolon.
 */
export function splitStatements(sql: string): string[] {
  const { statements, last } = scan(sql);
  if (last !== '') {
    statements.push(last);
  }
  return statements;
}

interface Scan {
  readonly statements: string[];
  /** Where what follows the last semicolon begins. */
  readonly restStart: number;
  /** The statement in it, or ''. */
  readonly last: string;
}

function scan(sql: string): Scan {
  const statements: string[] = [];
  let start = -1;
  let end = 0;
  let restStart = 0;
  let boundary = new StatementBoundary();
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.text === ';' && token.kind === 'symbol' && !boundary.insideBody) {
      if (start >= 0) {
        statements.push(sql.slice(start, end));
      }
      start = -1;
      restStart = token.end;
      boundary = new StatementBoundary();
      continue;
    }
    boundary.see(token);
    start = start < 0 ? token.start : start;
    end = token.end;
  }
  return { statements, restStart, last: start < 0 ? '' : sql.slice(start, end) };
}
