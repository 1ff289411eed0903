import { experimental, ServerCredentials } from '@grpc/grpc-js';
import type { LoadedCertificate, ServerCertificate } from '../../tls/interface.ts';

type CertificateProvider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];

/**
 * Credentials of the gRPC endpoint: plain text without a certificate, otherwise TLS, where a certificate that is replaced
 * holds for the connections after it.
 */
export function serverCredentials(certificate: ServerCertificate | undefined, asksClients: boolean): ServerCredentials {
  if (certificate === undefined) {
    return ServerCredentials.createInsecure();
  }
  const provider = certificateProvider(certificate);
  // Whatever their names say, the first is the one of the certificate and the second the one of the authorities.
  return experimental.createCertificateProviderServerCredentials(provider, asksClients ? provider : null, asksClients);
}

/** gRPC asks for the current certificate when a listener comes, and to be told of each that follows. */
function certificateProvider(certificate: ServerCertificate): CertificateProvider {
  const ends = new Map<object, () => void>();
  const listen = (listener: object, tell: (loaded: LoadedCertificate) => void) => {
    // What is told at once is lost: the server begins to listen to the credentials after they have asked for it.
    queueMicrotask(() => tell(certificate.current));
    ends.set(listener, certificate.subscribe(tell));
  };
  const leave = (listener: object) => {
    ends.get(listener)?.();
    ends.delete(listener);
  };
  return {
    addCaCertificateListener: (listener) =>
      listen(listener, ({ ca }) => listener(ca === undefined ? null : { caCertificate: ca })),
    removeCaCertificateListener: leave,
    addIdentityCertificateListener: (listener) =>
      listen(listener, ({ cert, key }) => listener({ certificate: cert, privateKey: key })),
    removeIdentityCertificateListener: leave,
  };
}
