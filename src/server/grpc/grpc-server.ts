import { type ChannelOptions, Server } from '@grpc/grpc-js';
import {
  AdminService,
  GroupsService,
  MembershipService,
  QueryService,
  UsersService,
  VerificationService,
} from '../../proto/interface.ts';
import { checkListening } from '../../tls/interface.ts';
import type { NodeAddress } from '../node/follow-settings.ts';
import type { NodeLimits } from '../node/node-options.ts';
import { adminService } from './admin-service.ts';
import { groupsService } from './groups-service.ts';
import { GrpcListener } from './grpc-listener.ts';
import { membershipService } from './membership-service.ts';
import { queryService } from './query-service.ts';
import { replicationDefinition, replicationService } from './replication-service.ts';
import type { RpcContext } from './rpc.ts';
import { ServedCalls, tolerant } from './served-calls.ts';
import { serverCredentials } from './server-credentials.ts';
import { usersService } from './users-service.ts';
import { verificationService } from './verification-service.ts';

/** What a node tells of its gRPC endpoint. */
export interface GrpcUsage {
  readonly connections: number;
  /** Connections over the limit since the start. */
  readonly refusedConnections: number;
  readonly calls: number;
}

function channelOptions({ maxMessageBytes, grpcMaxConnectionCalls }: NodeLimits): ChannelOptions {
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': grpcMaxConnectionCalls,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc-node.flow_control_window': 4 * 1024 * 1024,
  };
}

/** The gRPC endpoint of a node. */
export class GrpcServer {
  readonly #server: Server;
  readonly #listener: GrpcListener;
  readonly #context: RpcContext;
  readonly #calls: ServedCalls;

  private constructor(server: Server, listener: GrpcListener, context: RpcContext, calls: ServedCalls) {
    this.#server = server;
    this.#listener = listener;
    this.#context = context;
    this.#calls = calls;
  }

  /** Listens; port 0 takes a free one. @throws QuorateError INVALID_ARGUMENT, ADDRESS_IN_USE, IO_ERROR */
  static async listen(context: RpcContext, address: NodeAddress): Promise<GrpcServer> {
    const { certificate, options } = context.node;
    checkListening(address.host, options.tls);
    const calls = new ServedCalls(context);
    const server = new Server({ ...channelOptions(options.limits), interceptors: [calls.interceptor] });
    server.addService(tolerant(AdminService), calls.handlers(adminService(context)));
    server.addService(tolerant(QueryService), calls.handlers(queryService(context)));
    server.addService(tolerant(replicationDefinition), calls.handlers(replicationService(context)));
    server.addService(tolerant(UsersService), calls.handlers(usersService(context)));
    server.addService(tolerant(GroupsService), calls.handlers(groupsService(context)));
    server.addService(tolerant(MembershipService), calls.handlers(membershipService(context)));
    server.addService(tolerant(VerificationService), calls.handlers(verificationService(context)));
    const connections = server.createConnectionInjector(
      serverCredentials(certificate, options.tls.tlsClientAuth !== 'none'),
    );
    const listener = await GrpcListener.listen(address, options.limits.grpcMaxConnections, (socket) =>
      connections.injectConnection(socket),
    );
    return new GrpcServer(server, listener, context, calls);
  }

  get address(): NodeAddress {
    return this.#listener.address;
  }

  get usage(): GrpcUsage {
    const { connections, refused } = this.#listener;
    return { connections, refusedConnections: refused, calls: this.#calls.open };
  }

  /** Lets running calls end, for at most `drainMs`, and takes no new ones. */
  async close(drainMs: number): Promise<void> {
    this.#listener.stop();
    const timer = this.#context.node.runtime.timers.after(drainMs, () => this.#server.forceShutdown());
    await new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
    timer.cancel();
    this.#listener.destroy();
  }
}
