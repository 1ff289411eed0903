import type { UntypedServiceImplementation } from '@grpc/grpc-js';

/** Counts the calls of a server that have not ended. */
export class OpenCalls {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The same service, with its calls counted. */
  counted<Service extends object>(service: Service): UntypedServiceImplementation {
    const handlers = Object.entries(service as UntypedServiceImplementation);
    return Object.fromEntries(handlers.map(([name, handler]) => [name, this.#countedHandler(handler)]));
  }

  #countedHandler(handler: UntypedServiceImplementation[string]): UntypedServiceImplementation[string] {
    const run = handler as (call: EndingCall, callback: unknown) => void;
    return (call: EndingCall, callback: unknown) => {
      this.#count += 1;
      // gRPC says so of every call in the end.
      call.once('cancelled', () => {
        this.#count -= 1;
      });
      run(call, callback);
    };
  }
}

interface EndingCall {
  once(event: 'cancelled', listener: () => void): unknown;
}
