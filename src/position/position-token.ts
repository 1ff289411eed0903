import { QuorateError } from '../errors/interface.ts';

/** A place in the history of a database; `encodePosition` makes the opaque token that clients see. */
export interface Position {
  readonly term: number;
  readonly txId: number;
}

const tokenPattern = /^q1-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/;

/** The opaque form of a position that clients keep and send back. */
export function encodePosition(position: Position): string {
  return `q1-${position.term.toString(36)}-${position.txId.toString(36)}`;
}

/** @throws QuorateError INVALID_ARGUMENT when the token was not made by `encodePosition` */
export function decodePosition(token: string): Position {
  const match = tokenPattern.exec(token);
  const term = Number.parseInt(match?.[1] ?? '', 36);
  const txId = Number.parseInt(match?.[2] ?? '', 36);
  if (!Number.isSafeInteger(term) || !Number.isSafeInteger(txId)) {
    throw new QuorateError('INVALID_ARGUMENT', `not a position token: ${token.slice(0, 40)}`, {
      hint: 'Pass a token exactly as a write or position() returned it.',
    });
  }
  return { term, txId };
}

/** The later of two positions. After a loss of transactions a higher term may come with a lower number. */
export function laterPosition(a: Position, b: Position): Position {
  return b.term > a.term || (b.term === a.term && b.txId > a.txId) ? b : a;
}
