/** Names of fields that hold a secret. */
const secretName = /password|token$|secret/i;

/** Characters of one text, and entries of one list, that are recorded. */
const maxTextLength = 256;
const maxEntries = 32;

/** Messages inside of messages that are recorded. */
const maxDepth = 4;

/**
 * What of a request is recorded: its fields without those that are empty, secrets as `[secret]`, bytes as their number, and
 * long texts and lists cut, so that nobody fills the log with one request.
 */
export function auditedRequest(request: unknown): unknown {
  return recorded(request, 0);
}

function recorded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return value.length > maxTextLength ? `${value.slice(0, maxTextLength)}…` : value;
  }
  if (typeof value === 'bigint') {
    return Number(value);
  }
  if (value instanceof Uint8Array) {
    return `[${value.length} bytes]`;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (depth === maxDepth) {
    return '…';
  }
  if (Array.isArray(value)) {
    return value.slice(0, maxEntries).map((entry: unknown) => recorded(entry, depth + 1));
  }
  return Object.fromEntries(fieldsOf(value).map(([name, field]) => [name, fieldValue(name, field, depth)]));
}

function fieldsOf(message: object): [string, unknown][] {
  return Object.entries(message).filter(
    ([, field]) => field !== undefined && field !== '' && field !== 0 && !(Array.isArray(field) && field.length === 0),
  );
}

function fieldValue(name: string, field: unknown, depth: number): unknown {
  return secretName.test(name) ? '[secret]' : recorded(field, depth + 1);
}
