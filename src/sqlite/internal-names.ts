/** Names that start like this belong to Quorate; statements of clients may not use them. */
export const internalPrefix = '_quorate_';

/** The row that says up to where the content is the fold of the log. */
export const stateTable = '_quorate_state';
/** The triggers that a replica has taken out of its schema. */
export const suspendedTable = '_quorate_trigger';

/** Idempotency keys of the last day. */
export const keyTable = '_quorate_key';

/** Whether a name belongs to Quorate; SQLite compares names without regard to ASCII case. */
export function isInternalName(name: string): boolean {
  return name.slice(0, internalPrefix.length).toLowerCase() === internalPrefix;
}
