import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';

/** A certificate with its key, both PEM, that fit together. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What a server answers with. */
export interface LoadedCertificate extends KeyPair {
  /** The authorities of those who must show a certificate. */
  readonly ca: Buffer | undefined;
  /** SHA-256 of the certificate, as other tools print it. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export interface CertificatePaths {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string | undefined;
}

/** Reads and checks the files. @throws QuorateError TLS_FAILED, IO_ERROR */
export function loadCertificate(files: FileSystem, { certPath, keyPath, caPath }: CertificatePaths): LoadedCertificate {
  const pair = readKeyPair(files, certPath, keyPath);
  const { fingerprint256, validToDate } = new X509Certificate(pair.cert);
  const ca = caPath === undefined ? undefined : readAuthorities(files, caPath);
  return { ...pair, ca, fingerprint: fingerprint256, expiresAtMs: validToDate.getTime() };
}

/** @throws QuorateError TLS_FAILED when they are none or do not fit together; IO_ERROR */
export function readKeyPair(files: FileSystem, certPath: string, keyPath: string): KeyPair {
  const cert = Buffer.from(files.readFileSync(certPath));
  const key = Buffer.from(files.readFileSync(keyPath));
  attempt(`${certPath} and ${keyPath} are no certificate with its key`, () => tls.createSecureContext({ cert, key }));
  return { cert, key };
}

/** @throws QuorateError TLS_FAILED, IO_ERROR */
export function readAuthorities(files: FileSystem, caPath: string): Buffer {
  const ca = Buffer.from(files.readFileSync(caPath));
  // OpenSSL takes a file without a certificate as one that trusts nobody.
  attempt(`${caPath} holds no certificate`, () => new X509Certificate(ca));
  return ca;
}

function attempt(failure: string, action: () => unknown): void {
  try {
    action();
  } catch (cause) {
    throw new QuorateError('TLS_FAILED', `${failure}: ${(cause as Error).message}`, {
      cause,
      hint: 'Give PEM files. "quorate tls init" and "quorate tls join" make them.',
    });
  }
}
