import { generateKeyPair, randomBytes } from 'node:crypto';
import net from 'node:net';
import { promisify } from 'node:util';
import type { pki } from 'node-forge';

/** A certificate and its private key, both PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface CertificateOptions {
  /** What people see as the subject. */
  readonly commonName: string;
  /** Milliseconds since 1970: it is valid from an hour before, for clocks that are late. */
  readonly nowMs: number;
  readonly ttlMs: number;
}

/** By NIST SP 800-57 part 1, 3072 bits are as strong as AES-128: enough for the ten years that an authority lives. */
const authorityKeyBits = 3072;
const nodeKeyBits = 2048;

/** RFC 5280 allows up to 20 bytes; a first byte that is small and not 0 keeps the number positive and its length. */
const serialBytes = 16;
const clockSkewMs = 60 * 60 * 1000;

/** Makes an authority that signs the certificates of nodes, and of nobody below them. */
export async function createAuthority(options: CertificateOptions): Promise<CertificatePair> {
  return await makeCertificate(authorityKeyBits, options, undefined, [
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
}

/**
 * Makes a certificate for a node, which it shows as a server and as a client.
 * @param names host names and IP addresses under which it is reached
 */
export async function issueCertificate(
  authority: CertificatePair,
  names: readonly string[],
  options: CertificateOptions,
): Promise<CertificatePair> {
  const dnsName = 2;
  const ipAddress = 7;
  const altNames = names.map((name) =>
    net.isIP(name) === 0 ? { type: dnsName, value: name } : { type: ipAddress, ip: name },
  );
  return await makeCertificate(nodeKeyBits, options, authority, [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    { name: 'subjectAltName', altNames },
  ]);
}

async function makeCertificate(
  bits: number,
  { commonName, nowMs, ttlMs }: CertificateOptions,
  authority: CertificatePair | undefined,
  extensions: object[],
): Promise<CertificatePair> {
  // Only two commands need the library, so the others do not load it.
  const { default: forge } = await import('node-forge');
  const keys = await newKeys(bits);
  const ownKey = forge.pki.privateKeyFromPem(keys.privateKey);
  const issuer = authority && forge.pki.certificateFromPem(authority.certificate);
  const certificate: pki.Certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  certificate.serialNumber = `01${randomBytes(serialBytes - 1).toString('hex')}`;
  certificate.validity.notBefore = dateOf(nowMs - clockSkewMs);
  certificate.validity.notAfter = dateOf(nowMs + ttlMs);
  const subject = [{ name: 'commonName', value: commonName }];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer?.subject.attributes ?? subject);
  const issuerKeyId = issuer?.generateSubjectKeyIdentifier().getBytes();
  const ofIssuer = issuerKeyId === undefined ? [] : [{ name: 'authorityKeyIdentifier', keyIdentifier: issuerKeyId }];
  certificate.setExtensions([...extensions, ...ofIssuer]);
  const signingKey = authority === undefined ? ownKey : forge.pki.privateKeyFromPem(authority.privateKey);
  certificate.sign(signingKey, forge.md.sha256.create());
  return { certificate: withUnixLines(forge.pki.certificateToPem(certificate)), privateKey: keys.privateKey };
}

function dateOf(timeMs: number) {
  // biome-ignore lint/style/noRestrictedGlobals: the library wants a date; the time in it is the caller's.
  return new Date(timeMs);
}

async function newKeys(bits: number): Promise<{ publicKey: string; privateKey: string }> {
  return await promisify(generateKeyPair)('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function withUnixLines(pem: string): string {
  return pem.replaceAll('\r\n', '\n');
}
