import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import { type ConnectionSecurity, isLoopback } from '../tls/interface.ts';
import type { CoordinatorSettings } from './open-coordinator.ts';

const defaultEtcdPort = 2379;
const maxEtcdMembers = 16;

/** Where an etcd member answers clients, and how to connect to it. */
export interface EtcdAddress {
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity;
}

/** The option `etcd-endpoints` with those for TLS. @throws QuorateError INVALID_ARGUMENT */
export function etcdAddresses(settings: CoordinatorSettings): EtcdAddress[] {
  const texts = (settings.etcdEndpoints ?? '').split(',').flatMap((text) => text.trim() || []);
  if (texts.length === 0 || texts.length > maxEtcdMembers) {
    throw invalid(`${texts.length} addresses were given`, `Give 1 to ${maxEtcdMembers} addresses, with commas.`);
  }
  if ((settings.etcdCert === undefined) !== (settings.etcdKey === undefined)) {
    throw new QuorateError('INVALID_ARGUMENT', 'a certificate and its key are given together', {
      hint: 'Give both --etcd-cert and --etcd-key.',
    });
  }
  return texts.map((text) => addressOf(text, settings));
}

function addressOf(text: string, settings: CoordinatorSettings): EtcdAddress {
  const { etcdCa, etcdCert, etcdKey, allowPlainText } = settings;
  const secured = etcdCa !== undefined || etcdCert !== undefined;
  const url = URL.parse(text.includes('://') ? text : `${secured ? 'https' : 'http'}://${text}`);
  if (url === null || !isBare(url)) {
    throw invalid(`${JSON.stringify(text)} is no address`, 'Give http://HOST:PORT or https://HOST:PORT.');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A URL leaves out the port that belongs to its scheme.
  const port = /:\d+\/?$/.test(text) ? Number(/:(\d+)\/?$/.exec(text)?.[1]) : defaultEtcdPort;
  if (url.protocol === 'https:') {
    const paths = { caPath: absolute(etcdCa), certPath: absolute(etcdCert), keyPath: absolute(etcdKey) };
    return { host, port, security: { kind: 'tls', ...paths } };
  }
  if (secured) {
    throw invalid(`${text} is not encrypted, but certificates were given`, 'Write https:// before that address.');
  }
  if (!allowPlainText && !isLoopback(host)) {
    throw invalid(
      `what goes to and from ${host} without TLS could be read on the way`,
      'Give https:// addresses (and --etcd-ca), or --allow-plain-text.',
    );
  }
  return { host, port, security: { kind: 'plain', beyondLoopback: allowPlainText } };
}

function isBare({ protocol, hostname, pathname, search, hash, username, password }: URL): boolean {
  const isHttp = protocol === 'http:' || protocol === 'https:';
  return isHttp && hostname !== '' && pathname.length <= 1 && `${search}${hash}${username}${password}` === '';
}

function invalid(what: string, hint: string): QuorateError {
  return new QuorateError('INVALID_ARGUMENT', `--etcd-endpoints: ${what}`, { hint });
}

function absolute(file: string | undefined): string | undefined {
  return file === undefined ? undefined : path.resolve(file);
}
