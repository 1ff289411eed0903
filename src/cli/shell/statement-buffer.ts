import { QuorateError } from '../../errors/interface.ts';
import { splitScript, splitStatements } from '../../sqlite/interface.ts';

/** Longest text without the end of a statement, in characters; more than a server takes in one message. */
const maxLength = 64 * 1024 * 1024;

/** Gathers lines until statements are complete. */
export class StatementBuffer {
  #text = '';
  #firstLine = 0;

  /** Whether the next line begins a statement, or may be a command of the shell. */
  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** The number of the line on which the unfinished statement begins. */
  get firstLine(): number {
    return this.#firstLine;
  }

  /** Takes a line and returns the statements that it completes. @throws QuorateError MESSAGE_TOO_LARGE */
  add(line: string, lineNumber: number): readonly string[] {
    this.#firstLine = this.isEmpty ? lineNumber : this.#firstLine;
    this.#text += `${line}\n`;
    if (this.#text.length > maxLength) {
      this.clear();
      throw new QuorateError('MESSAGE_TOO_LARGE', `a statement has more than ${maxLength} characters`, {
        hint: 'End each statement with a semicolon.',
      });
    }
    // Nothing else ends a statement; a long one is not read again for each of its lines.
    if (!line.includes(';')) {
      this.#dropBlanks(this.#text);
      return [];
    }
    const { statements, rest } = splitScript(this.#text);
    this.#dropBlanks(rest);
    return statements;
  }

  /** At the end of the input: what no semicolon has ended. */
  takeRest(): readonly string[] {
    const statements = splitStatements(this.#text);
    this.clear();
    return statements;
  }

  clear(): void {
    this.#text = '';
  }

  #dropBlanks(text: string): void {
    this.#text = text.trim() === '' || /^\s*--[^\n]*\n$/.test(text) ? '' : text;
  }
}
