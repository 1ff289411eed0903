import type { IncomingMessage } from 'node:http';
import type { Identity } from '../auth/authenticator.ts';
import { readJson } from '../hrana/http-messages.ts';
import { objectOf, textOf } from '../hrana/json-fields.ts';
import { refuseSystemDatabase } from '../node/node.ts';
import { type Answer, json } from './answer.ts';
import type { HttpContext } from './http-context.ts';

/** Bytes of a user name and a password. */
const maxLoginBytes = 16 * 1024;

const clusterPath = /^\/v1\/cluster\/([a-z0-9][a-z0-9_-]{0,62})$/;

/** The database of `/v1/cluster/NAME`. */
export function clusterDatabase(path: string): string | undefined {
  return clusterPath.exec(path)?.[1];
}

/** Who has a database, for clients that follow its primary. @throws QuorateError PERMISSION_DENIED, DATABASE_NOT_FOUND */
export async function clusterAnswer({ node }: HttpContext, identity: Identity, database: string): Promise<Answer> {
  refuseSystemDatabase(database);
  identity.require(database, 'read');
  return json(200, await node.clusterView.report(database));
}

/** A token for a user and a password. @throws QuorateError UNAUTHENTICATED, OVERLOADED, UNAVAILABLE, PROTOCOL_ERROR */
export async function loginAnswer({ node }: HttpContext, request: IncomingMessage): Promise<Answer> {
  const body = objectOf(await readJson(request, maxLoginBytes), 'the body');
  const user = textOf(body.user, 'user');
  const password = textOf(body.password, 'password');
  const address = request.socket.remoteAddress ?? '';
  const { audit, authenticator } = node.security;
  const login = await audit.run({ action: 'login', user, address, request: {} }, () =>
    authenticator.login(user, password, address),
  );
  return json(200, login);
}
