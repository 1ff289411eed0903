import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { QuorateError } from '../../errors/interface.ts';
import { failure, type RpcContext } from './rpc.ts';

/** Stands for a request whose bytes are no message; gRPC itself would tell its caller of a defect of the server. */
export class MalformedRequest {
  readonly error: QuorateError;

  constructor(cause: unknown) {
    this.error = new QuorateError('PROTOCOL_ERROR', 'the request is not a message of this method', { cause });
  }
}

/** What calls of all kinds have in common; `request` is absent where requests are a stream. */
interface ServedCall {
  readonly request?: unknown;
  once(event: 'cancelled', listener: () => void): unknown;
  emit(event: 'error', status: object): unknown;
}

type Handler = (call: ServedCall, callback?: (status: object) => void) => void;

/** Counts the calls of a server that have not ended, and answers those whose request is malformed. */
export class ServedCalls {
  readonly #context: RpcContext;
  #open = 0;

  constructor(context: RpcContext) {
    this.#context = context;
  }

  /** Calls that have not ended. */
  get open(): number {
    return this.#open;
  }

  handlers(service: object): UntypedServiceImplementation {
    const entries = Object.entries(service).map(([name, handler]) => [name, this.#serve(handler as Handler)]);
    return Object.fromEntries(entries) as UntypedServiceImplementation;
  }

  #serve(handler: Handler): Handler {
    return (call, callback) => {
      this.#open += 1;
      // gRPC says so of every call in the end.
      call.once('cancelled', () => {
        this.#open -= 1;
      });
      if (!(call.request instanceof MalformedRequest)) {
        handler(call, callback);
        return;
      }
      const status = failure(this.#context, call.request.error);
      if (callback === undefined) {
        call.emit('error', status);
      } else {
        callback(status);
      }
    };
  }
}

/** A service whose handlers get a `MalformedRequest` in place of what cannot be read. */
export function tolerant(service: ServiceDefinition): ServiceDefinition {
  const entries = Object.entries(service).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer) => {
      try {
        return method.requestDeserialize(bytes);
      } catch (cause) {
        return new MalformedRequest(cause);
      }
    };
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(entries) as ServiceDefinition;
}
