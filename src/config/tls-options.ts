import { defineOptions } from './option.ts';

/** Encryption of what a server answers and of how it follows others. */
export const tlsOptions = defineOptions('TLS', {
  tlsCert: {
    type: 'path',
    placeholder: 'FILE',
    help: 'Certificate of this server (PEM, with its chain). With it, gRPC and HTTP answer over TLS only.',
  },
  tlsKey: { type: 'path', placeholder: 'FILE', help: 'Private key of that certificate (PEM).' },
  tlsCa: {
    type: 'path',
    placeholder: 'FILE',
    help: 'Certificates of the authorities that other servers and clients are trusted by (PEM); by default those of the system.',
  },
  tlsClientAuth: {
    type: 'choice',
    choices: ['none', 'grpc', 'all'],
    default: 'none',
    help: 'Who must show a certificate that --tls-ca has issued: nobody, whoever connects to gRPC, or to HTTP too.',
  },
  tlsReloadIntervalMs: {
    type: 'duration',
    default: 10_000,
    min: 100,
    max: 24 * 60 * 60 * 1000,
    help: 'How often the files above are looked at; new connections get a certificate that was replaced.',
  },
  replicationTls: {
    type: 'boolean',
    help: 'Follow upstreams over TLS, with the certificate of this server; by default when --tls-cert or --tls-ca is given.',
  },
  allowPlainText: {
    type: 'boolean',
    default: false,
    help: 'Listen, and follow upstreams, beyond this machine without encryption: passwords and data can be read on the way.',
  },
});
