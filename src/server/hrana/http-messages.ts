import type { IncomingMessage, ServerResponse } from 'node:http';
import { QuorateError } from '../../errors/interface.ts';
import { malformed } from './json-fields.ts';
import { httpError } from './wire-error.ts';

/** Without a charset: some clients take an error for JSON only then. */
const jsonType = 'application/json';

/** Scripts of any origin may ask; what they may do depends on the token that they send. */
export const anyOrigin = {
  'access-control-allow-origin': '*',
  // The star does not stand for Authorization, https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name.
  'access-control-allow-headers': '*, Authorization',
  'access-control-allow-methods': '*',
} as const;

/** @throws QuorateError MESSAGE_TOO_LARGE, PROTOCOL_ERROR, CANCELLED */
export async function readJson(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += (chunk as Uint8Array).length;
      if (size > limitBytes) {
        break;
      }
      chunks.push(chunk as Uint8Array);
    }
  } catch (cause) {
    throw new QuorateError('CANCELLED', 'the request broke off', { cause });
  }
  if (size > limitBytes) {
    request.resume();
    throw new QuorateError('MESSAGE_TOO_LARGE', `the body has more than ${limitBytes} bytes`, {
      hint: 'Send it in several requests, or raise hrana-max-request-bytes.',
      details: { limitBytes },
    });
  }
  return parseJson(Buffer.concat(chunks).toString('utf8'), 'the body');
}

/** @throws QuorateError PROTOCOL_ERROR */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return malformed(`${what} is not JSON`);
  }
}

export function sendJson(response: ServerResponse, status: number, body: string): void {
  send(response, { status, type: jsonType, body });
}

export function sendText(response: ServerResponse, status: number, body: string): void {
  send(response, { status, type: 'text/plain; charset=utf-8', body });
}

/** An answer that has begun cannot be taken back: it breaks off, which its client sees. */
export function sendError(response: ServerResponse, error: QuorateError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, body } = httpError(error);
  sendJson(response, status, body);
}

function send(response: ServerResponse, { status, type, body }: { status: number; type: string; body: string }): void {
  if (!response.headersSent && !response.destroyed) {
    const content = Buffer.from(body);
    // A body that was refused is not read to its end, so the connection is of no use any more.
    const isUnread = !response.req.complete;
    const headers = { ...anyOrigin, 'content-type': type, 'content-length': content.length };
    response.writeHead(status, isUnread ? { ...headers, connection: 'close' } : headers);
    response.end(content);
  }
}

/** Begins an answer whose length is not known. */
export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { ...anyOrigin, 'content-type': 'text/plain' });
}

/** Answers the question of a browser whether a script may ask. */
export function sendPreflight(response: ServerResponse): void {
  response.writeHead(200, { ...anyOrigin, 'access-control-max-age': '86400', 'content-length': 0 });
  response.end();
}
