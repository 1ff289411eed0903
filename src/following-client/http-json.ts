import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { QuorateError } from '../errors/interface.ts';
import { errorFromWire, type WireError } from './wire-error.ts';

export interface JsonRequest {
  readonly url: URL;
  readonly token?: string | undefined;
  /** Sent by POST; GET without. */
  readonly body?: object | undefined;
  readonly timeoutMs: number;
  readonly ca?: string | undefined;
}

/** Bytes of an answer: of the views of a group, the largest that a node gives here. */
const maxAnswerBytes = 1024 * 1024;

/** @throws QuorateError UNAVAILABLE when no answer comes; what the node answers */
export function requestJson({ url, token, body, timeoutMs, ca }: JsonRequest): Promise<unknown> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const options = {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    agent: false,
    ...(ca !== undefined && { ca }),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(url, cause));
    const request = send(url, { ...options, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > maxAnswerBytes) {
          response.destroy(new Error(`the answer has more than ${maxAnswerBytes} bytes`));
        }
      });
      response.on('end', () => {
        try {
          resolve(answerOf(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'), url));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('error', fail);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function answerOf(status: number, text: string, url: URL): unknown {
  let answer: unknown;
  try {
    answer = JSON.parse(text) as unknown;
  } catch (cause) {
    throw unreachable(url, new Error('what answers is no node of Quorate', { cause }));
  }
  if (status === 200) {
    return answer;
  }
  const { error } = answer as { readonly error?: WireError };
  throw errorFromWire(error ?? { message: `HTTP ${status}`, code: 'UNAVAILABLE' });
}

export function unreachable(url: URL | string, cause: Error): QuorateError {
  const { host } = new URL(url);
  return new QuorateError('UNAVAILABLE', `${host} cannot be reached: ${cause.message}`, { cause });
}
