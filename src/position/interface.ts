/** Positions in the history of a database, and the tokens that clients keep of them. */
export { decodePosition, encodePosition, laterPosition, type Position } from './position-token.ts';
