import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { asQuorateError, httpStatusOf, QuorateError } from '../../errors/interface.ts';
import { checkListening } from '../../tls/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import { everyDatabase } from '../auth/permissions.ts';
import type { RpcContext } from '../grpc/rpc.ts';
import { HranaEndpoint } from '../hrana/hrana-endpoint.ts';
import type { HranaLimits } from '../hrana/hrana-limits.ts';
import type { NodeAddress } from '../node/follow-settings.ts';
import type { Node } from '../node/node.ts';
import { statusJson } from '../node/status-json.ts';
import { version } from '../node/version.ts';
import { visibleStatus } from '../node/visible-status.ts';
import { renderNodeMetrics } from './node-metrics.ts';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Milliseconds that an idle connection stays open; longer than clients and balancers keep theirs. */
const keepAliveTimeoutMs = 75_000;

const jsonType = 'application/json; charset=utf-8';
const textType = 'text/plain; charset=utf-8';
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

function json(status: number, body: unknown): Answer {
  return { status, type: jsonType, body: `${JSON.stringify(body)}\n` };
}

/** A node's HTTP endpoint for people, load balancers and Prometheus; docs/http.md tells what each path answers. */
export class HttpServer {
  readonly #server: Server;
  readonly #hrana: HranaEndpoint;
  readonly address: NodeAddress;

  private constructor(server: Server, hrana: HranaEndpoint, address: NodeAddress) {
    this.#server = server;
    this.#hrana = hrana;
    this.address = address;
  }

  /** Listens; port 0 takes a free one. @throws QuorateError INVALID_ARGUMENT, ADDRESS_IN_USE, IO_ERROR */
  static async listen(context: RpcContext, limits: HranaLimits, { host, port }: NodeAddress): Promise<HttpServer> {
    checkListening(host, context.node.options.tls);
    const hrana = new HranaEndpoint(context, limits);
    const server = newServer(context.node, (request, response) => {
      if (!hrana.handle(request, response)) {
        respond(response, answer(context, hrana, request));
      }
    });
    hrana.listen(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, `${host}:${port}`)));
      server.listen(port, host, resolve);
    });
    return new HttpServer(server, hrana, { host, port: (server.address() as AddressInfo).port });
  }

  async close(): Promise<void> {
    await this.#hrana.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

/** Over TLS when the node has a certificate; one that is replaced holds for the connections after it. */
function newServer({ certificate, options }: Node, listener: RequestListener): Server {
  if (certificate === undefined) {
    return createServer({ keepAliveTimeout: keepAliveTimeoutMs }, listener);
  }
  const { cert, key, ca } = certificate.current;
  const requestCert = options.tls.tlsClientAuth === 'all';
  const server = createSecureServer({ cert, key, ca, requestCert, keepAliveTimeout: keepAliveTimeoutMs }, listener);
  const unsubscribe = certificate.subscribe((replaced) =>
    server.setSecureContext({ cert: replaced.cert, key: replaced.key, ca: replaced.ca }),
  );
  server.once('close', unsubscribe);
  return server;
}

function listenError(cause: NodeJS.ErrnoException, target: string): QuorateError {
  const inUse = cause.code === 'EADDRINUSE';
  return new QuorateError(inUse ? 'ADDRESS_IN_USE' : 'IO_ERROR', inUse ? `${target} is in use` : cause.message, {
    cause,
    hint: inUse ? 'Stop the program that listens there, or choose another --http-port.' : 'Check --address.',
  });
}

function respond(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

function answer(context: RpcContext, hrana: HranaEndpoint, request: IncomingMessage): Answer {
  try {
    return route(context, hrana, request);
  } catch (thrown) {
    const error = asQuorateError(thrown);
    return json(httpStatusOf(error.code), { error: error.serialize() });
  }
}

type Route = (context: RpcContext, request: IncomingMessage, hrana: HranaEndpoint) => Answer;

/** What each path answers; those that are not for everybody authenticate. */
const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/health', () => json(200, { status: 'ok' })],
  ['/version', () => ({ status: 200, type: textType, body: `quorate ${version}\n` })],
  ['/ready', ({ node }) => (node.isReady ? json(200, { status: 'ready' }) : json(503, { status: 'starting' }))],
  ['/metrics', metrics],
  ['/status', (context, request) => json(200, statusJson(visibleStatus(context.node, authenticate(context, request))))],
]);

function metrics(context: RpcContext, request: IncomingMessage, hrana: HranaEndpoint): Answer {
  if (context.node.options.security.metricsAccess === 'token') {
    authenticate(context, request).require(everyDatabase, 'read');
  }
  return { status: 200, type: metricsType, body: renderNodeMetrics(context, hrana) };
}

function route(context: RpcContext, hrana: HranaEndpoint, request: IncomingMessage): Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return json(405, { error: { code: 'INVALID_ARGUMENT', message: `${request.method} is not allowed; use GET` } });
  }
  const found = routes.get(request.url?.split('?')[0] ?? '');
  if (found === undefined) {
    const message = `nothing is here; use ${[...routes.keys()].join(', ')}, or the paths of Hrana`;
    return json(404, { error: { code: 'INVALID_ARGUMENT', message } });
  }
  return found(context, request, hrana);
}

function authenticate({ node }: RpcContext, request: IncomingMessage): Identity {
  return node.authenticator.authenticate(request.headers.authorization);
}
