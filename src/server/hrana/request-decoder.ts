import type { HranaLimits } from './hrana-limits.ts';
import {
  checkCount,
  countOf,
  flagOf,
  indexOf,
  isAbsent,
  type JsonObject,
  listOf,
  malformed,
  numberOf,
  objectOf,
  textOf,
} from './json-fields.ts';
import { decodeValue } from './values.ts';
import type {
  ClientMessage,
  ConnectionRequest,
  NamedValue,
  Pipeline,
  PipelineEntry,
  SqlReference,
  StoreRequest,
  StreamRequest,
  WireBatch,
  WireCondition,
  WireStatement,
  WireStep,
} from './wire-types.ts';
import { wishesOf } from './wishes-decoder.ts';

/** Conditions inside conditions. */
const maxConditionDepth = 64;

/** Entries that one fetch of a cursor returns at most, whatever the client asks for. */
const maxFetchCount = 10_000;

/** Decodes what clients send. Unknown fields are ignored; everything else that is not as it should be throws PROTOCOL_ERROR, or MESSAGE_TOO_LARGE for too long a list. */
export class RequestDecoder {
  readonly #limits: HranaLimits;

  constructor(limits: HranaLimits) {
    this.#limits = limits;
  }

  pipeline(json: unknown): Pipeline {
    const body = objectOf(json, 'the body');
    const requests = listOf(body.requests, 'requests');
    checkCount(requests, this.#limits.hranaMaxPipeline, 'the requests of a pipeline', 'hrana-max-pipeline');
    const entries = requests.map((request) => this.#pipelineEntry(request));
    const closeAt = entries.findIndex(({ type }) => type === 'close');
    if (closeAt >= 0 && closeAt < entries.length - 1) {
      malformed('close must be the last request of a pipeline');
    }
    return { baton: batonOf(body), requests: entries };
  }

  cursor(json: unknown): { readonly baton: string | undefined; readonly batch: WireBatch } {
    const body = objectOf(json, 'the body');
    return { baton: batonOf(body), batch: this.batch(body.batch) };
  }

  clientMessage(json: unknown): ClientMessage {
    const message = objectOf(json, 'a message');
    if (message.type === 'hello') {
      const token = isAbsent(message.jwt) || message.jwt === '' ? undefined : textOf(message.jwt, 'jwt');
      return { type: 'hello', token };
    }
    if (message.type !== 'request') {
      malformed(`${JSON.stringify(message.type)} is no type of a message`);
    }
    const requestId = numberOf(message.request_id, 'request_id');
    return { type: 'request', requestId, request: this.#connectionRequest(objectOf(message.request, 'request')) };
  }

  #pipelineEntry(json: unknown): PipelineEntry {
    const request = objectOf(json, 'a request');
    return request.type === 'close'
      ? { type: 'close' }
      : (storeRequest(request) ?? this.#streamRequest(request) ?? unknownRequest(request));
  }

  #connectionRequest(request: JsonObject): ConnectionRequest {
    switch (request.type) {
      case 'open_stream':
      case 'close_stream':
        return { type: request.type, streamId: numberOf(request.stream_id, 'stream_id') };
      case 'open_cursor':
        return {
          type: 'open_cursor',
          streamId: numberOf(request.stream_id, 'stream_id'),
          cursorId: numberOf(request.cursor_id, 'cursor_id'),
          batch: this.batch(request.batch),
        };
      case 'fetch_cursor': {
        const maxCount = Math.min(countOf(request.max_count, 'max_count'), maxFetchCount);
        return { type: 'fetch_cursor', cursorId: numberOf(request.cursor_id, 'cursor_id'), maxCount };
      }
      case 'close_cursor':
        return { type: 'close_cursor', cursorId: numberOf(request.cursor_id, 'cursor_id') };
      default:
        return storeRequest(request) ?? this.#onStream(request);
    }
  }

  #onStream(json: JsonObject): ConnectionRequest {
    const request = this.#streamRequest(json) ?? unknownRequest(json);
    return { type: 'stream', streamId: numberOf(json.stream_id, 'stream_id'), request };
  }

  #streamRequest(request: JsonObject): StreamRequest | undefined {
    switch (request.type) {
      case 'execute':
        return { type: 'execute', statement: this.statement(request.stmt) };
      case 'batch':
        return { type: 'batch', batch: this.batch(request.batch) };
      case 'sequence':
      case 'describe':
        return { type: request.type, sql: sqlOf(request), waitForTxId: indexOf(request.replication_index) };
      case 'get_autocommit':
        return { type: 'get_autocommit' };
      default:
        return undefined;
    }
  }

  statement(json: unknown): WireStatement {
    const statement = objectOf(json, 'stmt');
    return {
      sql: sqlOf(statement),
      values: listOf(statement.args, 'args').map(decodeValue),
      namedValues: listOf(statement.named_args, 'named_args').map(namedValue),
      wantRows: flagOf(statement.want_rows, 'want_rows', true),
      waitForTxId: indexOf(statement.replication_index),
      wishes: wishesOf(statement.quorate),
    };
  }

  batch(json: unknown): WireBatch {
    const batch = objectOf(json, 'batch');
    const steps = listOf(batch.steps, 'steps');
    checkCount(steps, this.#limits.hranaMaxBatchSteps, 'the steps of a batch', 'hrana-max-batch-steps');
    return {
      steps: steps.map((step, index) => this.#step(step, index)),
      waitForTxId: indexOf(batch.replication_index),
      wishes: wishesOf(batch.quorate),
    };
  }

  #step(json: unknown, index: number): WireStep {
    const step = objectOf(json, 'a step');
    const condition = isAbsent(step.condition) ? undefined : conditionOf(step.condition, index, 0);
    return { condition, statement: this.statement(step.stmt) };
  }
}

function unknownRequest(request: JsonObject): never {
  malformed(`${JSON.stringify(request.type)} is no type of a request here`);
}

function batonOf(body: JsonObject): string | undefined {
  return isAbsent(body.baton) ? undefined : textOf(body.baton, 'baton');
}

function storeRequest(request: JsonObject): StoreRequest | undefined {
  switch (request.type) {
    case 'store_sql':
      return { type: 'store_sql', sqlId: numberOf(request.sql_id, 'sql_id'), sql: textOf(request.sql, 'sql') };
    case 'close_sql':
      return { type: 'close_sql', sqlId: numberOf(request.sql_id, 'sql_id') };
    default:
      return undefined;
  }
}

function sqlOf({ sql, sql_id: sqlId }: JsonObject): SqlReference {
  if (isAbsent(sql) === isAbsent(sqlId)) {
    malformed('a statement has either sql or sql_id');
  }
  return isAbsent(sql) ? { sqlId: numberOf(sqlId, 'sql_id') } : { sql: textOf(sql, 'sql') };
}

function namedValue(json: unknown): NamedValue {
  const named = objectOf(json, 'a named argument');
  return { name: textOf(named.name, 'the name of an argument'), value: decodeValue(named.value) };
}

/** @param index of the step that has the condition, which may only look back */
function conditionOf(json: unknown, index: number, depth: number): WireCondition {
  if (depth > maxConditionDepth) {
    malformed(`conditions may be nested ${maxConditionDepth} deep`);
  }
  const condition = objectOf(json, 'a condition');
  const inner = (part: unknown) => conditionOf(part, index, depth + 1);
  switch (condition.type) {
    case 'ok':
    case 'error': {
      const step = countOf(condition.step, 'step');
      return step < index ? { type: condition.type, step } : malformed('a condition must refer to an earlier step');
    }
    case 'not':
      return { type: 'not', condition: inner(condition.cond) };
    case 'and':
    case 'or':
      return { type: condition.type, conditions: listOf(condition.conds, 'conds').map(inner) };
    case 'is_autocommit':
      return { type: 'is_autocommit' };
    default:
      return malformed(`${JSON.stringify(condition.type)} is no type of a condition`);
  }
}
