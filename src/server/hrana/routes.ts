import { defaultDatabaseName } from '../node/database-catalog.ts';

/** What an HTTP request is for. */
export type HranaEndpoint =
  | 'pipeline'
  | 'cursor'
  | 'v1-execute'
  | 'v1-batch'
  /** `POST /` with a list of statements, from before Hrana. */
  | 'statements'
  /** A question whether the server speaks a version. */
  | 'version-probe';

export interface HranaRoute {
  readonly endpoint: HranaEndpoint;
  readonly database: string;
}

const endpoints: readonly { readonly method: string; readonly pattern: RegExp; readonly endpoint: HranaEndpoint }[] = [
  { method: 'POST', pattern: /^v[23]\/pipeline$/, endpoint: 'pipeline' },
  { method: 'POST', pattern: /^v3\/cursor$/, endpoint: 'cursor' },
  { method: 'POST', pattern: /^v1\/execute$/, endpoint: 'v1-execute' },
  { method: 'POST', pattern: /^v1\/batch$/, endpoint: 'v1-batch' },
  { method: 'POST', pattern: /^$/, endpoint: 'statements' },
  { method: 'GET', pattern: /^v[123]$/, endpoint: 'version-probe' },
];

/** `/v2/pipeline`, `/NAME/v2/pipeline`, or `/dev/NAME/v2/pipeline` as sqld has it. A name that no database can have is an unknown one. */
const path = /^\/(?:(?:dev\/)?([^/]+)\/)?((?:v\d[a-z-]*)(?:\/[a-z]+)?|)$/;

/**
 * The endpoint and the database of a request: the one in its path, else that of the header `x-namespace`, else defaultdb.
 * undefined when the path is none of ours.
 */
export function routeOf(method: string, url: string, namespace: string | undefined): HranaRoute | undefined {
  const [, named, rest = ''] = path.exec(pathOf(url)) ?? [];
  const matches = path.test(pathOf(url));
  const found = endpoints.find((entry) => entry.method === method && entry.pattern.test(rest));
  return matches && found !== undefined
    ? { endpoint: found.endpoint, database: named ?? (namespace || defaultDatabaseName) }
    : undefined;
}

/** The database of a WebSocket, by the same rules. undefined when the path is none of ours. */
export function routedSocket(url: string, namespace: string | undefined): string | undefined {
  const match = /^\/(?:(?:dev\/)?([a-z0-9][a-z0-9_-]{0,62})\/?)?$/.exec(pathOf(url));
  return match === null ? undefined : (match[1] ?? (namespace || defaultDatabaseName));
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? '';
}
