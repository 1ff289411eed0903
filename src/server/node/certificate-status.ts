import type { CertificateStatus as CertificateStatusMessage } from '../../proto/interface.ts';
import type { CertificateStatus } from '../../tls/interface.ts';

/** The certificate of a node as its status tells it. */
export function certificateStatus({
  fingerprint,
  expiresAtMs,
  lastError,
}: CertificateStatus): CertificateStatusMessage {
  if (lastError === undefined) {
    return { fingerprint, expiresAtMs, lastError: undefined };
  }
  const { code, message, hint = '' } = lastError.error;
  return { fingerprint, expiresAtMs, lastError: { code, message, hint, atMs: lastError.atMs } };
}
