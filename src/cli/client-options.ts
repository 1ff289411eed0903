import path from 'node:path';
import { defaultPort, defineOptions, type OptionValues } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { ConnectionSecurity } from '../tls/interface.ts';

/** How a command reaches its server; also accepted before the name of the command. */
export const connectionOptions = defineOptions('Connection', {
  host: { type: 'address', default: '127.0.0.1', help: 'Host of the server.' },
  port: { type: 'integer', default: defaultPort, min: 1, max: 65_535, help: 'gRPC port of the server.' },
  token: { type: 'string', secret: true, help: 'Token of a login; by default the one that "quorate login" has kept.' },
});

/** How that connection is secured. */
export const securityOptions = defineOptions('Connection', {
  tls: {
    type: 'boolean',
    help: 'Connect over TLS; by default when --tls-ca is given, or as "quorate login" did.',
  },
  tlsCa: {
    type: 'path',
    placeholder: 'FILE',
    help: 'Certificates of the authorities that the server is trusted by (PEM); by default those of the system.',
  },
  tlsCert: {
    type: 'path',
    placeholder: 'FILE',
    help: 'Certificate to show to a server that asks for one (PEM).',
  },
  tlsKey: { type: 'path', placeholder: 'FILE', help: 'Private key of that certificate (PEM).' },
  allowPlainText: {
    type: 'boolean',
    default: false,
    help: 'Connect beyond this machine without encryption: password and data can be read on the way.',
  },
});

export const outputOptions = defineOptions('Output', {
  json: { type: 'boolean', default: false, help: 'Print JSON for programs, errors too.' },
});

/** What every command that talks to a server accepts. */
export const clientOptions = { ...connectionOptions, ...securityOptions, ...outputOptions } as const;

export type SecurityValues = OptionValues<typeof securityOptions>;

/** The security that the options ask for; undefined when they say nothing about it. @throws QuorateError INVALID_ARGUMENT */
export function securityOf({
  tls,
  tlsCa,
  tlsCert,
  tlsKey,
  allowPlainText,
}: SecurityValues): ConnectionSecurity | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new QuorateError('INVALID_ARGUMENT', 'a certificate and its key are given together', {
      hint: 'Give both --tls-cert and --tls-key.',
    });
  }
  if (tls ?? tlsCa !== undefined) {
    return { kind: 'tls', caPath: absolute(tlsCa), certPath: absolute(tlsCert), keyPath: absolute(tlsKey) };
  }
  return tls === false || allowPlainText ? { kind: 'plain', beyondLoopback: allowPlainText } : undefined;
}

function absolute(file: string | undefined): string | undefined {
  return file === undefined ? undefined : path.resolve(file);
}
