import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import { type CertificatePaths, type LoadedCertificate, loadCertificate } from './loaded-certificate.ts';

/** For status and metrics. */
export interface CertificateStatus {
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  /** Why the files as they are now are not used, and since when; the certificate from before is. */
  readonly lastError: { readonly error: QuorateError; readonly atMs: number } | undefined;
}

type Listener = (certificate: LoadedCertificate) => void;

/**
 * The certificate of a server, which follows its files: a polling of their content works on every file system, also
 * where a link to a folder is exchanged. Files that cannot be used change nothing.
 */
export class ServerCertificate implements Disposable {
  readonly #runtime: Runtime;
  readonly #paths: CertificatePaths;
  readonly #intervalMs: number;
  readonly #listeners = new Set<Listener>();
  #current: LoadedCertificate;
  #lastError: CertificateStatus['lastError'];
  #timer: Timer | undefined;

  private constructor(runtime: Runtime, paths: CertificatePaths, intervalMs: number) {
    this.#runtime = runtime;
    this.#paths = paths;
    this.#intervalMs = intervalMs;
    this.#current = loadCertificate(runtime.files, paths);
    this.#warnOfExpiry();
  }

  /** @throws QuorateError TLS_FAILED, IO_ERROR */
  static open(runtime: Runtime, paths: CertificatePaths, intervalMs: number): ServerCertificate {
    const certificate = new ServerCertificate(runtime, paths, intervalMs);
    certificate.#watch();
    return certificate;
  }

  get current(): LoadedCertificate {
    return this.#current;
  }

  /** Calls the listener with every certificate that replaces the current one; returns what ends that. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): CertificateStatus {
    const { fingerprint, expiresAtMs } = this.#current;
    return { fingerprint, expiresAtMs, lastError: this.#lastError };
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #watch(): void {
    this.#timer = this.#runtime.timers.after(this.#intervalMs, () => {
      this.reload();
      this.#watch();
    });
  }

  /** Looks at the files now; a certificate that cannot be used is logged and shown by `status`. */
  reload(): void {
    try {
      const found = loadCertificate(this.#runtime.files, this.#paths);
      this.#lastError = undefined;
      if (!isSame(found, this.#current)) {
        this.#replace(found);
      }
    } catch (thrown) {
      this.#keep(asQuorateError(thrown));
    }
  }

  #replace(found: LoadedCertificate): void {
    this.#current = found;
    const { fingerprint, expiresAtMs } = found;
    this.#runtime.logger.info({ fingerprint, expiresAtMs }, 'new connections get the certificate that was replaced');
    this.#warnOfExpiry();
    for (const listener of this.#listeners) {
      listener(found);
    }
  }

  #keep(error: QuorateError): void {
    const { clock, logger } = this.#runtime;
    if (this.#lastError?.error.message !== error.message) {
      logger.warn({ code: error.code, error: error.message }, 'the certificate from before stays in use');
      this.#lastError = { error, atMs: clock.nowMs() };
    }
  }

  #warnOfExpiry(): void {
    const { expiresAtMs, fingerprint } = this.#current;
    if (expiresAtMs <= this.#runtime.clock.nowMs()) {
      this.#runtime.logger.warn(
        { fingerprint, expiresAtMs },
        'the certificate of this server has expired: clients refuse it',
      );
    }
  }
}

function isSame(a: LoadedCertificate, b: LoadedCertificate): boolean {
  const sameAuthorities = a.ca === undefined || b.ca === undefined ? a.ca === b.ca : a.ca.equals(b.ca);
  return a.cert.equals(b.cert) && a.key.equals(b.key) && sameAuthorities;
}
