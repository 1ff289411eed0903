/** The public face of the `tls` layer: secure connections, the certificate of a server, and making certificates. */
export {
  type CertificateOptions,
  type CertificatePair,
  createAuthority,
  issueCertificate,
} from './certificate-authority.ts';
export { type ChannelSecurity, channelSecurity } from './channel-security.ts';
export { type ConnectionSecurity, isLoopback, plainOnLoopback } from './connection-security.ts';
export type { LoadedCertificate } from './loaded-certificate.ts';
export { type CertificateStatus, ServerCertificate } from './server-certificate.ts';
export { checkListening, openCertificate, type TlsSettings, upstreamSecurity } from './tls-settings.ts';
