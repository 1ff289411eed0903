import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type CertificatePair,
  type ConnectionSecurity,
  createAuthority,
  issueCertificate,
} from '../src/tls/interface.ts';

const day = 24 * 60 * 60 * 1000;

/** Files of an authority and of nodes, for one test. */
export class TestAuthority {
  readonly #folder: string;
  readonly #authority: CertificatePair;
  readonly caPath: string;

  private constructor(folder: string, authority: CertificatePair) {
    this.#folder = folder;
    this.#authority = authority;
    this.caPath = path.join(folder, 'ca.crt');
  }

  static async create(folder: string): Promise<TestAuthority> {
    mkdirSync(folder, { recursive: true });
    const authority = await createAuthority({ commonName: path.basename(folder), nowMs: Date.now(), ttlMs: day });
    const made = new TestAuthority(folder, authority);
    writeFileSync(made.caPath, authority.certificate);
    return made;
  }

  /** Issues a certificate under `name`, also over an older one; by default for this machine and from now on. */
  async issue(name: string, { host = '127.0.0.1', nowMs = Date.now() } = {}): Promise<TestCertificate> {
    const pair = await issueCertificate(this.#authority, [host], { commonName: name, nowMs, ttlMs: day });
    const certificate = new TestCertificate(path.join(this.#folder, name), this.caPath);
    certificate.write(pair);
    return certificate;
  }
}

export class TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;

  constructor(file: string, caPath: string) {
    this.certPath = `${file}.crt`;
    this.keyPath = `${file}.key`;
    this.caPath = caPath;
  }

  write({ certificate, privateKey }: CertificatePair): void {
    for (const [file, content] of [
      [this.keyPath, privateKey],
      [this.certPath, certificate],
    ] as const) {
      writeFileSync(`${file}.new`, content);
      renameSync(`${file}.new`, file);
    }
  }

  /** Of a server that answers with it. */
  get flags(): string[] {
    return ['--tls-cert', this.certPath, '--tls-key', this.keyPath, '--tls-ca', this.caPath];
  }

  /** Of a client that shows it. */
  get security(): ConnectionSecurity {
    return { kind: 'tls', certPath: this.certPath, keyPath: this.keyPath, caPath: this.caPath };
  }
}
