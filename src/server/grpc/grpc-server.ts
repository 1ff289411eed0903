import { type ChannelOptions, Server, type ServerCredentials } from '@grpc/grpc-js';
import { QuorateError } from '../../errors/interface.ts';
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
import { adminService } from './admin-service.ts';
import { groupsService } from './groups-service.ts';
import { membershipService } from './membership-service.ts';
import { queryService } from './query-service.ts';
import { replicationDefinition, replicationService } from './replication-service.ts';
import type { RpcContext } from './rpc.ts';
import { serverCredentials } from './server-credentials.ts';
import { usersService } from './users-service.ts';
import { verificationService } from './verification-service.ts';

/** Streams that one connection may have open at once. */
const maxStreamsPerConnection = 1_000;

function channelOptions(maxMessageBytes: number): ChannelOptions {
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // Two servers on one port would share its connections at random.
    'grpc.so_reuseport': 0,
    'grpc-node.flow_control_window': 4 * 1024 * 1024,
  };
}

/** The gRPC endpoint of a node. */
export class GrpcServer {
  readonly #server: Server;
  readonly #context: RpcContext;
  readonly address: NodeAddress;

  private constructor(server: Server, context: RpcContext, address: NodeAddress) {
    this.#server = server;
    this.#context = context;
    this.address = address;
  }

  /** Listens; port 0 takes a free one. @throws QuorateError INVALID_ARGUMENT, ADDRESS_IN_USE, IO_ERROR */
  static async listen(context: RpcContext, address: NodeAddress): Promise<GrpcServer> {
    const { certificate, options } = context.node;
    checkListening(address.host, options.tls);
    const server = new Server(channelOptions(options.limits.maxMessageBytes));
    server.addService(AdminService, adminService(context));
    server.addService(QueryService, queryService(context));
    server.addService(replicationDefinition, replicationService(context));
    server.addService(UsersService, usersService(context));
    server.addService(GroupsService, groupsService(context));
    server.addService(MembershipService, membershipService(context));
    server.addService(VerificationService, verificationService(context));
    const port = await bind(server, address, serverCredentials(certificate, options.tls.tlsClientAuth !== 'none'));
    return new GrpcServer(server, context, { host: address.host, port });
  }

  /** Lets running calls end, for at most `drainMs`, and takes no new ones. */
  async close(drainMs: number): Promise<void> {
    const timer = this.#context.node.runtime.timers.after(drainMs, () => this.#server.forceShutdown());
    await new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
    timer.cancel();
  }
}

function bind(server: Server, { host, port }: NodeAddress, credentials: ServerCredentials): Promise<number> {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (cause, boundPort) => {
      if (cause === null) {
        resolve(boundPort);
        return;
      }
      const inUse = cause.message.includes('EADDRINUSE');
      reject(
        new QuorateError(inUse ? 'ADDRESS_IN_USE' : 'IO_ERROR', inUse ? `${target} is in use` : cause.message, {
          cause,
          hint: inUse
            ? 'Stop the program that listens there, or choose another --port.'
            : 'Check --address and --port.',
        }),
      );
    });
  });
}
