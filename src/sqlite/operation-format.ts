/**
 * The numbers of the operations format; `docs/operations-format.md` describes it byte by byte.
 *
 * Operations are a list of [kind: u8][length: varint][payload].
 */
export const operationKinds = {
  rows: 1,
  schema: 2,
  sequences: 3,
  pragma: 4,
  /** Changes nothing; alone in the first record of a term. */
  termStart: 5,
  /** Changes nothing; 16 bytes that name a place in the log. */
  marker: 7,
  /** The idempotency key of the transaction. */
  key: 8,
} as const;

/** First byte of every item of a rows payload: one of these, or a change with its flags. */
export const rowItems = {
  insert: 1,
  update: 2,
  delete: 3,
  /** Names a table, which gets the next index in this payload, and makes it the current one. */
  table: 0x54,
  /** Makes an already named table the current one. */
  switchTable: 0x53,
} as const;

export const rowItemKindMask = 0x0f;

/** Flags of a change, added to its first byte. */
export const changeFlags = {
  /** The statement could replace rows: whatever clashes with the new row goes. */
  replace: 0x10,
  /** The old values may be stale (a BEFORE trigger wrote the same row); the key alone identifies the row. */
  unverified: 0x20,
  /** An update that gives the row a new key; it then carries all columns. */
  rekeyed: 0x40,
} as const;

export const tableFlags = {
  /** Rows are identified by the values of the primary key; otherwise by the rowid. */
  keyedByPrimaryKey: 1,
  /** The table belongs to a virtual table. */
  shadow: 2,
} as const;

export const sequenceFlags = {
  /** The entries are the whole content of sqlite_sequence. */
  complete: 1,
} as const;

export const pragmaCodes = { userVersion: 1, applicationId: 2 } as const;

export const valueTags = { null: 0, int8: 1, int32: 2, int64: 3, real: 4, text: 5, blob: 6 } as const;
