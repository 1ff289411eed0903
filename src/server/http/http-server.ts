import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { asQuorateError, httpStatusOf, QuorateError } from '../../errors/interface.ts';
import { checkListening } from '../../tls/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import { everyDatabase } from '../auth/permissions.ts';
import { HranaEndpoint } from '../hrana/hrana-endpoint.ts';
import type { HranaLimits } from '../hrana/hrana-limits.ts';
import { anyOrigin } from '../hrana/http-messages.ts';
import { defaultDatabaseName } from '../node/database-catalog.ts';
import type { NodeAddress } from '../node/follow-settings.ts';
import type { Node } from '../node/node.ts';
import { statusJson } from '../node/status-json.ts';
import { version } from '../node/version.ts';
import { visibleStatus } from '../node/visible-status.ts';
import { type Answer, json } from './answer.ts';
import { clusterAnswer, clusterDatabase, loginAnswer } from './client-routes.ts';
import { type HealthCheck, healthChecks } from './health.ts';
import type { HttpContext } from './http-context.ts';
import { renderNodeMetrics } from './node-metrics.ts';

/** Milliseconds that an idle connection stays open; longer than clients and balancers keep theirs. */
const keepAliveTimeoutMs = 75_000;

const textType = 'text/plain; charset=utf-8';
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** A node's HTTP endpoint for people, load balancers and Prometheus; docs/http.md tells what each path answers. */
export class HttpServer {
  readonly #server: Server;
  readonly #context: HttpContext;
  readonly address: NodeAddress;

  private constructor(server: Server, context: HttpContext, address: NodeAddress) {
    this.#server = server;
    this.#context = context;
    this.address = address;
  }

  /** Listens; port 0 takes a free one. @throws QuorateError INVALID_ARGUMENT, ADDRESS_IN_USE, IO_ERROR */
  static async listen(
    services: Omit<HttpContext, 'hrana'>,
    limits: HranaLimits,
    { host, port }: NodeAddress,
  ): Promise<HttpServer> {
    checkListening(host, services.node.options.tls);
    const hrana = new HranaEndpoint(services, limits);
    const context = { ...services, hrana };
    const server = newServer(context.node, (request, response) => {
      // Hrana answers OPTIONS on every other path, for scripts in browsers.
      if (healthChecks.has(pathOf(request)) || !hrana.handle(request, response)) {
        void answer(context, request).then((answered) => respond(request, response, answered));
      }
    });
    hrana.listen(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, `${host}:${port}`)));
      server.listen(port, host, resolve);
    });
    return new HttpServer(server, context, { host, port: (server.address() as AddressInfo).port });
  }

  /** Takes no new requests and lets running ones end, for at most `drainMs`. */
  async close(drainMs: number): Promise<void> {
    const { hrana, node } = this.#context;
    const timer = node.runtime.timers.after(drainMs, () => this.#server.closeAllConnections());
    await hrana.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    timer.cancel();
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

function respond(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    ...(isForScripts(pathOf(request)) && anyOrigin),
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'OPTIONS' ? '' : body);
}

async function answer(context: HttpContext, request: IncomingMessage): Promise<Answer> {
  try {
    return await route(context, request);
  } catch (thrown) {
    const error = asQuorateError(thrown);
    return json(httpStatusOf(error.code), { error: error.serialize() });
  }
}

type Route = (context: HttpContext, request: IncomingMessage) => Answer | Promise<Answer>;

function health(check: HealthCheck): Route {
  return ({ node }, request) => check(node, new URLSearchParams(request.url?.split('?')[1]));
}

/** What each path answers; those that are not for everybody authenticate. */
const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ...[...healthChecks].map(([path, check]): [string, Route] => [path, health(check)]),
  ['/version', () => ({ status: 200, type: textType, body: `quorate ${version}\n` })],
  ['/metrics', metrics],
  ['/status', (context, request) => json(200, statusJson(visibleStatus(context.node, authenticate(context, request))))],
]);

/** Takes a POST. */
const loginPath = '/v1/login';

const readMethods: readonly string[] = ['GET', 'HEAD'];

function metrics(context: HttpContext, request: IncomingMessage): Answer {
  if (context.node.options.security.metricsAccess === 'token') {
    authenticate(context, request).require(everyDatabase, 'read');
  }
  return { status: 200, type: metricsType, body: renderNodeMetrics(context) };
}

function pathOf({ url }: IncomingMessage): string {
  return url?.split('?')[0] ?? '';
}

function route(context: HttpContext, request: IncomingMessage): Answer | Promise<Answer> {
  const path = pathOf(request);
  const found = findRoute(path);
  if (found === undefined) {
    const message = `nothing is here; use ${[...routes.keys()].join(', ')}, /v1/cluster/${defaultDatabaseName}, ${loginPath}, or the paths of Hrana`;
    return json(404, { error: { code: 'INVALID_ARGUMENT', message } });
  }
  const methods = methodsOf(path);
  if (!methods.includes(request.method ?? '')) {
    const message = `${request.method} is not allowed; use ${methods.join(', ')}`;
    return json(405, { error: { code: 'INVALID_ARGUMENT', message } });
  }
  return found(context, request);
}

function findRoute(path: string): Route | undefined {
  if (path === loginPath) {
    return loginAnswer;
  }
  const database = clusterDatabase(path);
  return database === undefined
    ? routes.get(path)
    : (context, request) => clusterAnswer(context, authenticate(context, request), database);
}

/** Whether scripts of any origin may read the answer, as they may those of Hrana. */
function isForScripts(path: string): boolean {
  return path === loginPath || clusterDatabase(path) !== undefined;
}

function methodsOf(path: string): readonly string[] {
  if (path === loginPath) {
    return ['POST'];
  }
  return healthChecks.has(path) ? [...readMethods, 'OPTIONS'] : readMethods;
}

function authenticate({ node }: HttpContext, request: IncomingMessage): Identity {
  return node.authenticator.authenticate(request.headers.authorization);
}
