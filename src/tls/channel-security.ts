import net from 'node:net';
import tls from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { QuorateError } from '../errors/interface.ts';
import { nodeFileSystem } from '../runtime/interface.ts';
import { type ConnectionSecurity, isLoopback, plainOnLoopback } from './connection-security.ts';
import { readAuthorities, readKeyPair } from './loaded-certificate.ts';

/** What a gRPC client is made with. */
export interface ChannelSecurity {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/**
 * Credentials for a connection to a host. The files are read each time, so a connection that is made after they were
 * replaced has the new ones.
 * @throws QuorateError INVALID_ARGUMENT for plain text beyond this machine; TLS_FAILED, IO_ERROR
 */
export function channelSecurity(host: string, security: ConnectionSecurity = plainOnLoopback): ChannelSecurity {
  if (security.kind === 'plain') {
    requirePlainText(host, security.beyondLoopback);
    return { credentials: credentials.createInsecure(), options: {} };
  }
  const { caPath, certPath, keyPath } = security;
  const ca = caPath === undefined ? null : readAuthorities(nodeFileSystem, caPath);
  const pair =
    certPath === undefined || keyPath === undefined ? undefined : readKeyPair(nodeFileSystem, certPath, keyPath);
  return {
    credentials: credentials.createSsl(ca, pair?.key ?? null, pair?.cert ?? null, {
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(host, certificate),
    }),
    // gRPC sends the host as the name of the server, and TLS allows no IP address there (RFC 6066, section 3).
    options: net.isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' },
  };
}

function requirePlainText(host: string, beyondLoopback: boolean): void {
  if (!beyondLoopback && !isLoopback(host)) {
    throw new QuorateError('INVALID_ARGUMENT', `a connection to ${host} without TLS could be read on the way`, {
      hint: 'Give --tls-ca with the authority of that server, or --allow-plain-text.',
    });
  }
}
