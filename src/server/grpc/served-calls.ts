import {
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
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

  /**
   * Sees calls begin and end. What has ended is not begun any more: without an interceptor, gRPC may run the handler of a call
   * whose caller has left, and does not tell it.
   */
  readonly interceptor: ServerInterceptor = (_method, call) => {
    let isOpen = false;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            isOpen = true;
            this.#open += 1;
            pass(metadata);
          },
          // gRPC says so of every call in the end.
          onCancel: () => {
            this.#open -= Number(isOpen);
            isOpen = false;
          },
        }),
    });
  };

  /** The service, with calls answered whose request is malformed. */
  handlers(service: object): UntypedServiceImplementation {
    const entries = Object.entries(service).map(([name, handler]) => [name, this.#serve(handler as Handler)]);
    return Object.fromEntries(entries) as UntypedServiceImplementation;
  }

  #serve(handler: Handler): Handler {
    return (call, callback) => {
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
