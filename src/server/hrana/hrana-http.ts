import type { IncomingMessage, ServerResponse } from 'node:http';
import { QuorateError } from '../../errors/interface.ts';
import { inSpan } from '../../tracing/interface.ts';
import { noteFailure } from '../grpc/rpc.ts';
import { version } from '../node/version.ts';
import { DatabaseAccess } from './database-access.ts';
import type { HranaContext } from './hrana-context.ts';
import { hranaSpan, traceHeaders } from './hrana-span.ts';
import { answerCursor } from './http-cursor.ts';
import { readJson, sendError, sendJson, sendPreflight, sendText } from './http-messages.ts';
import { closeWithClient, HttpStreams, isEmpty } from './http-streams.ts';
import { objectOf } from './json-fields.ts';
import { type HranaRoute, routeOf } from './routes.ts';
import type { SqlStore } from './sql-store.ts';
import type { SqlStream } from './sql-stream.ts';
import { runStatements } from './statement-list.ts';
import type { ResponseBudget } from './values.ts';
import type { Pipeline, PipelineEntry } from './wire-types.ts';

/** Hrana over HTTP. */
export class HranaHttp {
  readonly #context: HranaContext;
  readonly #streams: HttpStreams;
  #running = 0;

  constructor(context: HranaContext) {
    this.#context = context;
    this.#streams = new HttpStreams(context);
  }

  /** Requests that run, streams that are kept between two requests, and what each of those stores. */
  usage(): { readonly requests: number; readonly streams: number; readonly stored: readonly SqlStore['usage'][] } {
    return { requests: this.#running, streams: this.#streams.size, stored: this.#streams.stored };
  }

  /** Answers a request that is meant for Hrana; false if it is not. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { method = '', url = '', headers } = request;
    if (method === 'OPTIONS') {
      sendPreflight(response);
      return true;
    }
    const route = routeOf(method, url, headers['x-namespace']?.toString());
    if (route?.endpoint === 'version-probe') {
      sendText(response, 200, `quorate ${version}\n`);
      return true;
    }
    if (route !== undefined) {
      const { endpoint, database } = route;
      const answer = () =>
        this.#answer(route, request, response).catch((error: unknown) => {
          sendError(response, noteFailure(this.#context, error));
        });
      void inSpan(() => hranaSpan(endpoint, database, traceHeaders(headers)), answer);
    }
    return route !== undefined;
  }

  async #answer(route: HranaRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { hranaMaxHttpRequests, hranaMaxRequestBytes } = this.#context.limits;
    if (this.#running >= hranaMaxHttpRequests) {
      throw new QuorateError('OVERLOADED', `${hranaMaxHttpRequests} HTTP requests are running`, {
        hint: 'Send fewer at once, or raise hrana-max-http-requests.',
      });
    }
    this.#running += 1;
    try {
      const identity = this.#context.node.authenticator.authenticate(request.headers.authorization);
      const access = new DatabaseAccess(this.#context, route.database, identity);
      access.check('read');
      await this.#run(route, access, await readJson(request, hranaMaxRequestBytes), response);
    } finally {
      this.#running -= 1;
    }
  }

  async #run({ endpoint }: HranaRoute, access: DatabaseAccess, body: unknown, response: ServerResponse): Promise<void> {
    switch (endpoint) {
      case 'pipeline':
        return await this.#pipeline(this.#context.decoder.pipeline(body), access, response);
      case 'cursor':
        return await answerCursor(this.#streams, this.#context.decoder.cursor(body), access, response);
      case 'v1-execute': {
        const statement = this.#context.decoder.statement(objectOf(body, 'the body').stmt);
        return await this.#once(access, response, (stream) => stream.execute(statement, stream.newBudget()));
      }
      case 'v1-batch': {
        const batch = this.#context.decoder.batch(objectOf(body, 'the body').batch);
        return await this.#once(access, response, (stream) => stream.batch(batch, stream.newBudget()));
      }
      default:
        return sendJson(response, 200, await runStatements(this.#context, access, body));
    }
  }

  /** Runs something on a stream of its own, which ends with it. */
  async #once(
    access: DatabaseAccess,
    response: ServerResponse,
    run: (stream: SqlStream) => Promise<string>,
  ): Promise<void> {
    const stream = this.#streams.open(access, true);
    closeWithClient(stream, response);
    try {
      sendJson(response, 200, `{"result":${await run(stream)}}`);
    } finally {
      await stream.close();
    }
  }

  async #pipeline({ baton, requests }: Pipeline, access: DatabaseAccess, response: ServerResponse): Promise<void> {
    const ends = requests.at(-1)?.type === 'close';
    const stream = baton === undefined ? this.#streams.open(access, ends) : this.#streams.take(baton, access);
    const release = closeWithClient(stream, response);
    let next: string | undefined;
    try {
      const results = await runEntries(stream, requests);
      // Whoever has rolled a lost transaction back knows of it, and goes on with another stream.
      const hasEnded = ends || isEmpty(stream) || stream.session.isLossKnown || response.destroyed;
      next = hasEnded ? undefined : this.#streams.newBaton();
      sendJson(
        response,
        200,
        `{"baton":${JSON.stringify(next ?? null)},"base_url":null,"results":[${results.join(',')}]}`,
      );
    } finally {
      release();
      await (next === undefined ? stream.close() : this.#streams.keep(next, stream));
    }
  }

  /** Rolls back what is open between requests. */
  async close(): Promise<void> {
    await this.#streams.closeAll();
  }
}

/** A failed request does not keep the later ones from running. */
async function runEntries(stream: SqlStream, requests: readonly PipelineEntry[]): Promise<string[]> {
  const results: string[] = [];
  const budget = stream.newBudget();
  for (const request of requests) {
    try {
      results.push(`{"type":"ok","response":${await runEntry(stream, request, budget)}}`);
    } catch (error) {
      results.push(`{"type":"error","error":${stream.encodeError(error)}}`);
    }
  }
  return results;
}

async function runEntry(stream: SqlStream, request: PipelineEntry, budget: ResponseBudget): Promise<string> {
  switch (request.type) {
    case 'store_sql':
      stream.store.store(request.sqlId, request.sql);
      return '{"type":"store_sql"}';
    case 'close_sql':
      stream.store.close(request.sqlId);
      return '{"type":"close_sql"}';
    case 'close':
      return '{"type":"close"}';
    default:
      return await stream.run(request, budget);
  }
}
