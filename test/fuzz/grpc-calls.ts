/** Calls of gRPC whose messages are any bytes. */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { errorFromGrpc } from '../../src/replication/interface.ts';
import { emptyRequest, type GrpcMethod } from '../grpc-methods.ts';

/** How long a caller waits before it gives up, in milliseconds. */
const patienceMs = 1_500;

const same = (bytes: Buffer) => bytes;

/** The bytes of a message; undefined for one that cannot be written. */
export function encoded(method: GrpcMethod, message: unknown): Buffer | undefined {
  const empty = emptyRequest(method);
  try {
    return (method.requestSerialize as (value: unknown) => Buffer)({ ...empty, ...(message as object) });
  } catch {
    return undefined;
  }
}

/** What became of a call. */
export interface Outcome {
  /** The code of its error, "ok", or "GAVE_UP" when the caller waited no longer. */
  readonly code: string;
  /** Errors that a stream has told on its way. */
  readonly told: readonly string[];
}

export class RawCalls implements Disposable {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  /** Sends bytes as the messages of a call. A stream is left open when `end` is false, until the caller gives up. */
  async call(method: GrpcMethod, token: string, messages: readonly Buffer[], end = true): Promise<Outcome> {
    const { path, requestStream, responseStream } = method;
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const told: string[] = [];
    const code = await new Promise<string>((resolve) => {
      const done = (error: ServiceError | null) => resolve(error === null ? 'ok' : codeOf(error));
      const first = messages[0] ?? Buffer.alloc(0);
      const options = { deadline: Date.now() + patienceMs };
      if (!requestStream && !responseStream) {
        this.#client.makeUnaryRequest(path, same, same, first, metadata, options, done);
        return;
      }
      const writable = !requestStream
        ? undefined
        : responseStream
          ? this.#client.makeBidiStreamRequest(path, same, same, metadata, options)
          : this.#client.makeClientStreamRequest(path, same, same, metadata, options, done);
      for (const message of messages) {
        writable?.write(message);
      }
      if (end) {
        writable?.end();
      }
      if (responseStream) {
        const readable =
          (writable as ReturnType<Client['makeBidiStreamRequest']> | undefined) ??
          this.#client.makeServerStreamRequest(path, same, same, first, metadata, options);
        readable.on('error', done).on('end', () => done(null));
        readable.on('data', (bytes: Buffer) => told.push(...toldCodes(bytes)));
      }
    });
    return { code, told };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** A status without one of our codes comes from gRPC itself; INTERNAL is a failure all the same. */
function codeOf(error: ServiceError): string {
  const isOurs = error.metadata?.get('quorate-error-bin')[0] !== undefined;
  if (isOurs) {
    return errorFromGrpc(error).code;
  }
  return error.code === 4 ? 'GAVE_UP' : `status ${error.code}: ${error.details}`;
}

/** The codes of errors that stand in an answer as JSON. */
function toldCodes(bytes: Buffer): string[] {
  return [...bytes.toString('latin1').matchAll(/\{"code":"([A-Z_]+)"/g)].map(([, code]) => code as string);
}
