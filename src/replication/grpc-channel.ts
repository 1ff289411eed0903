import { type ChannelCredentials, type ChannelOptions, Metadata } from '@grpc/grpc-js';
import type { Upstream } from '../database/interface.ts';
import { type ConnectionSecurity, channelSecurity } from '../tls/interface.ts';

/** How nodes connect to their upstreams. */
const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  'grpc.enable_retries': 0,
  // Each session has a connection of its own: one that backs off must not hold up another.
  'grpc.use_local_subchannel_pool': 1,
};

export function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function address({ host, port }: Pick<Upstream, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What a client for an upstream is made with. @throws QuorateError INVALID_ARGUMENT, TLS_FAILED, IO_ERROR */
export function upstreamChannel(
  upstream: Pick<Upstream, 'host' | 'port'>,
  security: ConnectionSecurity | undefined,
): [address: string, credentials: ChannelCredentials, options: ChannelOptions] {
  const { credentials, options } = channelSecurity(upstream.host, security);
  return [address(upstream), credentials, { ...channelOptions, ...options }];
}
