import type { CallOptions, ChannelOptions, Metadata, ServiceError } from '@grpc/grpc-js';
import { QuorateError } from '../errors/interface.ts';
import { etcd } from '../proto/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import { channelSecurity } from '../tls/interface.ts';
import { maxViewBytes } from './coordinator-limits.ts';
import type { EtcdAddress } from './etcd-address.ts';

const channelOptions: ChannelOptions = {
  // etcd closes connections that ask more often than every 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // Values and, for each entry, its key and numbers.
  'grpc.max_receive_message_length': 2 * maxViewBytes,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
};

/** The services of one connection. */
export interface EtcdClients {
  readonly kv: InstanceType<typeof etcd.KVClient>;
  readonly lease: InstanceType<typeof etcd.LeaseClient>;
  readonly watch: InstanceType<typeof etcd.WatchClient>;
  readonly auth: InstanceType<typeof etcd.AuthClient>;
}

type UnaryCallback<Response> = (error: ServiceError | null, response: Response) => void;

/** A request with what each needs: the token, and until when it may take. */
export type EtcdRequest<Response> = (
  clients: EtcdClients,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: UnaryCallback<Response>,
) => void;

/** One etcd member and the connection to it, which is made when it is needed. */
export class EtcdMember implements Disposable {
  readonly #address: EtcdAddress;
  readonly #clock: Clock;
  #clients: EtcdClients | undefined;
  #closed = false;

  constructor(address: EtcdAddress, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
  }

  /** As people write it. */
  get name(): string {
    const { host, port } = this.#address;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** @throws QuorateError TLS_FAILED, IO_ERROR for the files of the options */
  get clients(): EtcdClients {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the coordinator is closed');
    }
    this.#clients ??= connect(this.name, this.#address);
    return this.#clients;
  }

  /** The next call makes a new connection, at once and with the certificates as they are then. */
  disconnect(): void {
    this.#clients?.kv.close();
    this.#clients = undefined;
  }

  /** Nothing connects any more. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.disconnect();
  }

  /** Sends a request. Rejects with the `ServiceError` of gRPC. */
  async send<Response>(request: EtcdRequest<Response>, metadata: Metadata, timeoutMs: number): Promise<Response> {
    const { clients } = this;
    const deadline = this.#clock.nowMs() + timeoutMs;
    return new Promise((resolve, reject) => {
      request(clients, metadata, { deadline }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
  }
}

function connect(name: string, { host, security }: EtcdAddress): EtcdClients {
  const { credentials, options } = channelSecurity(host, security);
  const kv = new etcd.KVClient(name, credentials, { ...channelOptions, ...options });
  const shared = { channelOverride: kv.getChannel() };
  return {
    kv,
    lease: new etcd.LeaseClient(name, credentials, shared),
    watch: new etcd.WatchClient(name, credentials, shared),
    auth: new etcd.AuthClient(name, credentials, shared),
  };
}
