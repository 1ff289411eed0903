import path from 'node:path';
import type { OptionValues, tlsOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { type ConnectionSecurity, isLoopback } from './connection-security.ts';
import { ServerCertificate } from './server-certificate.ts';

/** The options of a node that concern encryption. */
export type TlsSettings = OptionValues<typeof tlsOptions>;

/** Checks that a server may listen there. @throws QuorateError INVALID_ARGUMENT */
export function checkListening(
  host: string,
  { tlsCert, tlsKey, tlsCa, tlsClientAuth, allowPlainText }: TlsSettings,
): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new QuorateError('INVALID_ARGUMENT', 'a certificate and its key are given together', {
      hint: 'Give both --tls-cert and --tls-key.',
    });
  }
  if (tlsClientAuth !== 'none' && (tlsCert === undefined || tlsCa === undefined)) {
    throw new QuorateError('INVALID_ARGUMENT', `--tls-client-auth ${tlsClientAuth} needs to know whom to trust`, {
      hint: 'Give --tls-ca with the authority of the clients, and --tls-cert and --tls-key.',
    });
  }
  if (tlsCert === undefined && !allowPlainText && !isLoopback(host)) {
    throw new QuorateError('INVALID_ARGUMENT', `without TLS, what goes to and from ${host} could be read on the way`, {
      hint: 'Give --tls-cert and --tls-key ("quorate tls init" makes them), or --allow-plain-text.',
    });
  }
}

/** The certificate of a server that has one. @throws QuorateError TLS_FAILED, IO_ERROR */
export function openCertificate(runtime: Runtime, settings: TlsSettings): ServerCertificate | undefined {
  const { tlsCert, tlsKey, tlsCa, tlsReloadIntervalMs } = settings;
  if (tlsCert === undefined || tlsKey === undefined) {
    return undefined;
  }
  const paths = { certPath: path.resolve(tlsCert), keyPath: path.resolve(tlsKey), caPath: absolute(tlsCa) };
  return ServerCertificate.open(runtime, paths, tlsReloadIntervalMs);
}

/** How a node connects to its upstreams. */
export function upstreamSecurity(settings: TlsSettings): ConnectionSecurity {
  const { tlsCert, tlsKey, tlsCa, replicationTls, allowPlainText } = settings;
  if (replicationTls ?? (tlsCert !== undefined || tlsCa !== undefined)) {
    return { kind: 'tls', caPath: absolute(tlsCa), certPath: absolute(tlsCert), keyPath: absolute(tlsKey) };
  }
  return { kind: 'plain', beyondLoopback: allowPlainText };
}

function absolute(file: string | undefined): string | undefined {
  return file === undefined ? undefined : path.resolve(file);
}
