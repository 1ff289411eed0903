/**
 * Histories in the two forms that Jepsen's checkers (Elle, Knossos) read: EDN and JSON, one event in each line. The value of
 * an operation on one key is `[key value]`, as `jepsen.independent` has it, and that of a compare-and-set `[key [old new]]`.
 */
import { type Edn, Keyword, printEdn, readEdn } from './edn.ts';
import type { Call, HistoryEvent, Key, Position, ReadLevel, Step, Value } from './operation.ts';

type Fields = Record<string, Edn>;

export function toEdn(events: readonly HistoryEvent[]): string {
  return events.map((event) => `${printEdn(fieldsOf(event))}\n`).join('');
}

export function toJsonLines(events: readonly HistoryEvent[]): string {
  return events.map((event) => `${JSON.stringify(fieldsOf(event))}\n`).join('');
}

/** Events of processes that are no clients (`:nemesis`) are left out. Throws an Error on what is no history. */
export function fromEdn(text: string): HistoryEvent[] {
  const values = readEdn(text);
  // A history may also be one vector of events.
  const [only] = values;
  return eventsOf(values.length === 1 && Array.isArray(only) ? (only as Edn[]) : values);
}

/** As `fromEdn`. */
export function fromJsonLines(text: string): HistoryEvent[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return eventsOf(lines.map((line) => JSON.parse(line) as Edn));
}

function eventsOf(values: readonly Edn[]): HistoryEvent[] {
  return values
    .map((value) => value as Fields)
    .filter(({ process }) => typeof process === 'number')
    .map((fields, i) => eventOf(fields, i));
}

function fieldsOf(event: HistoryEvent): Fields {
  const { index, timeNs, process, type, call, node, session, ackLevel, readLevel, after, position, error } = event;
  const all: Record<string, Edn | undefined> = {
    process,
    type: new Keyword(type),
    f: new Keyword(call.f),
    value: callValue(call),
    time: timeNs,
    index,
    node,
    session,
    'ack-level': ackLevel,
    'read-level': readLevel === undefined ? undefined : new Keyword(readLevel),
    after: after && positionFields(after),
    position: position && positionFields(position),
    'max-age-ms': event.maxAgeMs,
    'max-lag': event.maxLag,
    error,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Fields;
}

function callValue(call: Call): Edn {
  switch (call.f) {
    case 'txn':
      return call.steps.map(([f, key, value]) => [new Keyword(f), key, value]);
    case 'cas':
      return [call.key, [call.expected, call.replacement]];
    default:
      return [call.key, call.value];
  }
}

function positionFields({ term, txId }: Position): Edn {
  return { term, 'tx-id': txId };
}

function eventOf(fields: Fields, place: number): HistoryEvent {
  const { process, time, index } = fields;
  const event: { -readonly [Name in keyof HistoryEvent]: HistoryEvent[Name] | undefined } = {
    index: (index as number | undefined) ?? place,
    timeNs: (time as number | undefined) ?? 0,
    process: process as number,
    type: oneOf<HistoryEvent['type']>(fields['type'], ['invoke', 'ok', 'fail', 'info']),
    call: callOf(nameOf(fields['f']), fields['value'] ?? null),
    node: textOf(fields['node']),
    session: textOf(fields['session']),
    ackLevel: textOf(fields['ack-level']),
    readLevel: textOf(fields['read-level']) as ReadLevel | undefined,
    after: positionOf(fields['after']),
    position: positionOf(fields['position']),
    maxAgeMs: fields['max-age-ms'] as number | undefined,
    maxLag: fields['max-lag'] as number | undefined,
    error: fields['error'] === undefined ? undefined : (textOf(fields['error']) ?? printEdn(fields['error'])),
  };
  return Object.fromEntries(
    Object.entries(event).filter(([, value]) => value !== undefined),
  ) as unknown as HistoryEvent;
}

function callOf(f: string, value: Edn): Call {
  const items = value as readonly Edn[] | null;
  if (f === 'txn') {
    return { f: 'txn', steps: (items ?? []).map((step) => stepOf(step as readonly Edn[])) };
  }
  if (items === null || !Array.isArray(items) || items.length !== 2) {
    throw new Error(`the value of a ${f} must be [key value], not ${printEdn(value)}`);
  }
  const [key, second] = items as [Key, Edn];
  if (f === 'cas') {
    const [expected, replacement] = second as [Value, Value];
    return { f, key, expected, replacement };
  }
  return { f: oneOf(f, ['read', 'write']), key, value: second as Value };
}

function stepOf([f, key, value]: readonly Edn[]): Step {
  return [oneOf(f, ['append', 'r']), key, value ?? null] as Step;
}

function positionOf(value: Edn | undefined): Position | undefined {
  const fields = value as Fields | undefined;
  return fields && { term: fields['term'] as number, txId: fields['tx-id'] as number };
}

/** A keyword of EDN, or a string of JSON. */
function textOf(value: Edn | undefined): string | undefined {
  return value instanceof Keyword ? value.name : typeof value === 'string' ? value : undefined;
}

function nameOf(value: Edn | undefined): string {
  const name = textOf(value);
  if (name === undefined) {
    throw new Error(`a name is missing, there is ${printEdn(value ?? null)}`);
  }
  return name;
}

function oneOf<Name extends string>(value: Edn | undefined, names: readonly Name[]): Name {
  const name = nameOf(value);
  const found = names.find((candidate) => candidate === name);
  if (found === undefined) {
    throw new Error(`${name} is none of ${names.join(', ')}`);
  }
  return found;
}
