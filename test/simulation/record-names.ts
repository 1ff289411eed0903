import type { LogRecord } from '../../src/log/interface.ts';

const namePattern = /write-[a-z]-\d{6}/g;

/** The writes that have left their names in a text. */
export function namesInText(text: string): string[] {
  return [...new Set(text.match(namePattern))];
}

/** The writes that a record is made of. */
export function namesIn({ operations }: Pick<LogRecord, 'operations'>): string[] {
  return namesInText(Buffer.from(operations).toString('latin1'));
}
