import { QuorateError } from '../../errors/interface.ts';

/** Longest field, in characters; a quote that is never closed would take the rest of a file. */
const maxFieldLength = 16 * 1024 * 1024;

/**
 * Rows of comma-separated values as RFC 4180 tells (https://www.rfc-editor.org/rfc/rfc4180): fields in double quotes may have commas,
 * line ends and doubled quotes in them; lines end with CR LF or LF.
 */
export class CsvReader {
  #row: string[] = [];
  #field = '';
  #state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';

  /** Takes a part of the text and gives the rows that it completes. @throws QuorateError INVALID_ARGUMENT */
  *add(text: string): Generator<string[]> {
    for (const character of text) {
      if (this.#take(character)) {
        yield this.#endRow();
      }
    }
  }

  /** The last row, when no line end closed it. @throws QuorateError INVALID_ARGUMENT when a quote is open */
  *end(): Generator<string[]> {
    if (this.#state === 'quoted') {
      throw new QuorateError('INVALID_ARGUMENT', 'a quoted field does not end', {
        hint: 'Close it with a double quote; write one inside of it twice.',
      });
    }
    if (this.#row.length > 0 || this.#field !== '' || this.#state !== 'start') {
      yield this.#endRow();
    }
  }

  /** Whether the row is complete. */
  #take(character: string): boolean {
    if (this.#state === 'quoted') {
      this.#takeQuoted(character);
      return false;
    }
    switch (character) {
      case ',':
        this.#endField();
        return false;
      case '\n':
        return true;
      case '"':
        this.#takeQuote();
        return false;
      default:
        this.#append(character);
        this.#state = 'plain';
        return false;
    }
  }

  #takeQuoted(character: string): void {
    if (character === '"') {
      this.#state = 'quote';
    } else {
      this.#append(character);
    }
  }

  /** Opens a field, or stands for itself behind a quote in a quoted field and inside of a plain one. */
  #takeQuote(): void {
    if (this.#state !== 'start') {
      this.#append('"');
    }
    this.#state = this.#state === 'plain' ? 'plain' : 'quoted';
  }

  #append(character: string): void {
    this.#field += character;
    if (this.#field.length > maxFieldLength) {
      throw new QuorateError('INVALID_ARGUMENT', `a field has more than ${maxFieldLength} characters`, {
        hint: 'Look for a double quote that is not closed.',
      });
    }
  }

  #endField(): void {
    this.#row.push(this.#field);
    this.#field = '';
    this.#state = 'start';
  }

  #endRow(): string[] {
    if (this.#state !== 'quote' && this.#field.endsWith('\r')) {
      this.#field = this.#field.slice(0, -1);
    }
    this.#endField();
    const row = this.#row;
    this.#row = [];
    return row;
  }
}
